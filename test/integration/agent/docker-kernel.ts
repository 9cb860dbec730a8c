import { randomUUID } from 'node:crypto';
import { createLogger, type Logger, systemClock } from '@orrery/bus';
import Docker from 'dockerode';
import type { ContainerDriver } from '../../../actors/agent/container-driver.ts';
import { connectDocker } from '../../../actors/agent/docker/docker-driver.ts';
import { within } from '../../contract/driver/driver-bench.ts';
import { makeScratch } from '../../environment/scratch.ts';

export interface DockerKernel extends AsyncDisposable {
  readonly driver: ContainerDriver;
  readonly kernel: string;
  readonly logger: Logger;
}

/** A kernel in a real container, which is removed with it. */
export async function openDockerKernel(options: {
  readonly socketPath: string;
  readonly image: string;
  readonly environ: Readonly<Record<string, string>>;
  readonly memoryBytes: number;
}): Promise<DockerKernel> {
  const { socketPath, image, environ, memoryBytes } = options;
  const scratch = makeScratch('kernel');
  const logger = createLogger({ name: 'test', level: 'warn' });
  const driver = await connectDocker(
    {
      docker: new Docker({ socketPath }),
      owner: { node: 'node-a', installation: randomUUID() },
      scratchRoot: scratch.path,
      images: {
        registries: { find: async () => undefined },
        policy: 'tag',
        removal: { unusedMsMax: undefined, freePercentMin: 0 },
      },
      clock: systemClock,
      logger,
    },
    within(),
  );
  const kernel = randomUUID();
  const spec = {
    kernel,
    session: randomUUID(),
    sessionName: 'kernel',
    sessionType: 'interactive',
    image,
    command: null,
    environ,
    slots: { cpu: '1', mem: String(memoryBytes) },
    hostname: 'main1',
    role: 'main',
    ownerUserId: randomUUID(),
    ownerProjectId: randomUUID(),
  } as const;
  await driver.prepare(spec, () => undefined, within());
  await driver.start(spec, { wishRevision: 1 }, within());
  return {
    driver,
    kernel,
    logger,
    async [Symbol.asyncDispose]() {
      await driver.remove(kernel, within());
      await driver[Symbol.asyncDispose]();
      scratch.remove();
    },
  };
}
