import { z } from 'zod';
import { Slots } from '../slots.ts';
import { EngineFacts } from './cluster-network.ts';
import { NodeDevice } from './device.ts';

export const NODE_SCHEMA_VERSION = 1;

/** One token of a subject. */
export const NodeName = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, 'a node name is 1 to 64 letters, digits, _ or -');

/** Statuses of an agent (reference: agent statuses). */
export const NodeStatus = z.enum(['ALIVE', 'LOST', 'TERMINATED']);
export type NodeStatus = z.infer<typeof NodeStatus>;

/** An agent counts as lost after this time without a heartbeat. */
export const HEARTBEAT_TIMEOUT_MS = 40_000;
export const HEARTBEAT_PERIOD_MS = 5_000;

/**
 * What is wrong on a node, for as long as it is. Its message stays the same meanwhile, so that nothing is told anew.
 * `kernel-will-not-end` is of one kernel; each of the others keeps new sessions away.
 */
export const NodeTrouble = z.object({
  code: z.enum(['engine-silent', 'disk-short', 'memory-short', 'kernel-will-not-end']),
  message: z.string(),
  sinceMs: z.number(),
  kernel: z.uuid().optional(),
});
export type NodeTrouble = Readonly<z.infer<typeof NodeTrouble>>;

/** Whether no session is to be placed on a node for its sake. */
export function keepsSessionsAway({ code }: Pick<NodeTrouble, 'code'>): boolean {
  return code !== 'kernel-will-not-end';
}

export const NodeFacts = z.object({
  driver: z.enum(['docker', 'process', 'simulated']),
  architecture: z.string(),
  resourceGroup: z.string(),
  slots: Slots,
  version: z.string(),
  /** Containers of kernels at the same time; absent: no limit. */
  containersMax: z.int().min(1).optional(),
  /** Its accelerators; absent: it has none. */
  devices: z.array(NodeDevice).optional(),
  /** Absent: its kernels have no networks. */
  engine: EngineFacts.optional(),
  /** Absent: all is well. */
  troubles: z.array(NodeTrouble).optional(),
});
export type NodeFacts = Readonly<z.infer<typeof NodeFacts>>;

export const NodeEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('node-registered'), node: NodeName, facts: NodeFacts }),
  z.object({ type: z.literal('node-facts-changed'), facts: NodeFacts }),
  z.object({ type: z.literal('node-lost'), lastSeenAtMs: z.number().nullable() }),
  z.object({ type: z.literal('node-returned') }),
  z.object({ type: z.literal('node-terminated'), reason: z.string() }),
  z.object({ type: z.literal('node-schedulable-set'), isSchedulable: z.boolean() }),
  /** No new sessions there, and at the deadline those that still run have to go; null: they may stay. */
  z.object({
    type: z.literal('node-drain-begun'),
    deadlineAtMs: z.number().nullable(),
    mode: z.enum(['terminate', 'reschedule']),
  }),
  z.object({ type: z.literal('node-drain-due') }),
]);
export type NodeEvent = Readonly<z.infer<typeof NodeEvent>>;

export const NodeCommand = z.discriminatedUnion('type', [
  /** From the agent at each start and whenever its facts change. Also brings a lost node back. */
  z.strictObject({ type: z.literal('register'), facts: NodeFacts }),
  z.strictObject({ type: z.literal('lose'), lastSeenAtMs: z.number().nullable() }),
  z.strictObject({ type: z.literal('return') }),
  /** From the agent when it stops on purpose. Its containers go on. */
  z.strictObject({ type: z.literal('leave'), reason: z.string() }),
  /** True also takes a drain back. */
  z.strictObject({ type: z.literal('set-schedulable'), isSchedulable: z.boolean() }),
  z.strictObject({
    type: z.literal('drain'),
    /** Null: without end. */
    deadlineMs: z.int().min(0).nullable(),
    mode: z.enum(['terminate', 'reschedule']),
  }),
  z.strictObject({ type: z.literal('pass-deadline'), deadline: z.string() }),
]);
export type NodeCommand = Readonly<z.infer<typeof NodeCommand>>;

/** Sent over the live channel on `live.heartbeat.<node>`. */
export const Heartbeat = z.object({ node: NodeName, atMs: z.number(), kernelsRunning: z.int() });
export type Heartbeat = Readonly<z.infer<typeof Heartbeat>>;
