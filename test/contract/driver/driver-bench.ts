import { randomUUID } from 'node:crypto';
import type { KernelSpec } from '@orrery/bus';
import type { ContainerDriver } from '../../../actors/agent/container-driver.ts';

/** What a driver's program can be told to do; each driver has its own way to say it. */
export interface Programs {
  readonly exit: (code: number) => Partial<KernelSpec>;
  /** Writes `out` to one stream and `err` to the other, then ends. */
  readonly print: (out: string, err: string) => Partial<KernelSpec>;
  /** Says `ready`, and ends by itself long after the test. */
  readonly wait: () => Partial<KernelSpec>;
}

export interface DriverBench {
  /** A driver on the node `name`; asked again it finds what the former one left. */
  open(name: string): Promise<ContainerDriver>;
  readonly image: string;
  readonly programs: Programs;
  readonly close: () => Promise<void>;
}

export interface Abilities {
  readonly name: string;
  /** Programs are real: arguments, environment, signals, memory and exec mean something. */
  readonly isReal: boolean;
  /** Containers are still there when the driver object is made anew. */
  readonly survives: boolean;
  /** Two nodes on one engine. */
  readonly makeBench: () => Promise<DriverBench>;
}

const DEADLINE_MS = 60_000;
const MEBIBYTE = 1024 * 1024;

export const within = (ms = DEADLINE_MS) => AbortSignal.timeout(ms);

export function kernelSpec(image: string, more: Partial<KernelSpec>): KernelSpec {
  return {
    kernel: randomUUID(),
    session: randomUUID(),
    sessionName: 'a session',
    sessionType: 'batch',
    image,
    command: ['sh', '-c', 'exit 0'],
    environ: {},
    slots: { cpu: '0.5', mem: String(128 * MEBIBYTE) },
    hostname: 'main1',
    role: 'main',
    ownerUserId: 'someone',
    ownerProjectId: 'something',
    ...more,
  };
}

export async function start(driver: ContainerDriver, spec: KernelSpec) {
  await driver.prepare(spec, () => undefined, within());
  return driver.start(spec, { wishRevision: 2 }, within());
}
