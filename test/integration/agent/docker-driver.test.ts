import { randomUUID } from 'node:crypto';
import { createLogger, systemClock } from '@orrery/bus';
import Docker from 'dockerode';
import { connectDocker } from '../../../actors/agent/docker/docker-driver.ts';
import { within } from '../../contract/driver/driver-bench.ts';
import { driverSuite } from '../../contract/driver/driver-suite.ts';
import { dockerEngine } from '../../environment/docker.ts';
import { testImage } from '../../environment/image.ts';
import { makeScratch } from '../../environment/scratch.ts';

driverSuite({
  name: 'docker',
  isReal: true,
  survives: true,
  makeBench: async () => {
    const engine = await dockerEngine();
    const image = await testImage();
    const scratch = makeScratch('docker driver');
    const installation = randomUUID();
    return {
      image,
      programs: {
        exit: (code) => ({ command: ['sh', '-c', `exit ${code}`] }),
        print: (out, err) => ({
          command: ['sh', '-c', 'printf %s "$OUT"; printf %s "$ERR" >&2'],
          environ: { OUT: out, ERR: err },
        }),
        wait: () => ({ command: ['sh', '-c', 'echo ready; sleep 600'] }),
      },
      open: (node) =>
        connectDocker(
          {
            docker: new Docker({ socketPath: engine.socketPath }),
            owner: { node, installation },
            scratchRoot: `${scratch.path}/${node}`,
            images: {
              registries: { find: async () => undefined },
              policy: 'tag',
              removal: { unusedMsMax: undefined, freePercentMin: 0 },
            },
            clock: systemClock,
            logger: createLogger({ name: 'test', level: 'warn' }),
          },
          within(),
        ),
      close: async () => {
        scratch.remove();
        await engine.stop();
      },
    };
  },
});
