import type { Slots } from '@orrery/bus';
import type { Random } from './random.ts';

/** What one seed simulates: the size of the cluster, what is asked of it, and how much goes wrong. */
export interface World {
  readonly hosts: readonly string[];
  readonly nodes: ReadonlyMap<string, Slots>;
  readonly partitions: number;
  readonly sessions: number;
  /** Moments of trouble, and how long the time between two of them is at most. */
  readonly moments: number;
  readonly momentMsMax: number;
  /** How much later than its original a doubled message arrives at most. */
  readonly copyDelayMsMax: number;
  readonly rates: Rates;
}

/** Chances: of a message, of a call to the bus, or of a moment. */
export interface Rates {
  readonly lostMessage: number;
  readonly lostAcknowledgement: number;
  readonly doubledMessage: number;
  readonly crashAtCall: number;
  readonly hostStop: number;
  readonly agentCrash: number;
  readonly nodeLoss: number;
  readonly agentCutOff: number;
  readonly slowDisk: number;
  readonly terminate: number;
  /** Of a step of a kernel's start. */
  readonly startFailure: number;
}

const HOSTS = ['control-a', 'control-b', 'control-c'];
const NODES = ['node-a', 'node-b', 'node-c', 'node-d'];

export function drawWorld(random: Random): World {
  // Some things never happen in one world and often in another: rare faults alone show other defects.
  const rate = (usual: number): number => usual * random.pick([0, 0.5, 1, 1, 2]);
  return {
    hosts: HOSTS.slice(0, random.between(1, HOSTS.length)),
    nodes: new Map(
      NODES.slice(0, random.between(1, NODES.length)).map((name) => [
        name,
        { cpu: random.pick(['2', '4', '4', '8']), mem: '64' },
      ]),
    ),
    partitions: random.pick([1, 2, 4]),
    sessions: random.between(3, 12),
    moments: random.between(15, 35),
    momentMsMax: random.pick([500, 2000, 5000]),
    copyDelayMsMax: random.pick([300, 3000, 30_000]),
    rates: {
      lostMessage: rate(0.03),
      lostAcknowledgement: rate(0.03),
      doubledMessage: rate(0.05),
      crashAtCall: rate(0.006),
      hostStop: rate(0.1),
      agentCrash: rate(0.1),
      nodeLoss: rate(0.03),
      agentCutOff: rate(0.06),
      slowDisk: rate(0.06),
      terminate: rate(0.2),
      startFailure: rate(0.08),
    },
  };
}
