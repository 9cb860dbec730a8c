import type { Actor, AggregateName } from './envelope.ts';

/** Names of streams and subjects; nothing else in the house spells them. */
export const streams = {
  events: 'EVENTS',
  inbox: 'INBOX',
  agent: 'AGENT',
  snapshots: 'SNAPSHOTS',
  config: 'config',
  setAside: 'SETASIDE',
} as const;

export const subjects = {
  event: (aggregate: AggregateName, id: string) => `evt.${aggregate}.${id}`,
  events: 'evt.>',
  /**
   * Agents send under `….from.<node>`, so that their right to publish can be limited to their own name
   * and the reader learns from the subject who speaks.
   */
  command: (partition: number, aggregate: AggregateName, id: string, actor?: Actor) =>
    actor?.kind === 'agent'
      ? `inbox.${partition}.${aggregate}.${id}.from.${actor.id}`
      : `inbox.${partition}.${aggregate}.${id}`,
  commands: (partition: number) => `inbox.${partition}.>`,
  allCommands: 'inbox.>',
  /** The same to who reads the lane at this moment, past the lane. */
  ask: (partition: number, aggregate: AggregateName, id: string, actor?: Actor) =>
    actor?.kind === 'agent'
      ? `ask.${partition}.${aggregate}.${id}.from.${actor.id}`
      : `ask.${partition}.${aggregate}.${id}`,
  asks: (partition: number) => `ask.${partition}.>`,
  isAsk: (subject: string) => subject.startsWith('ask.'),
  /** `id` is `<partition>.<sequence>`. */
  setAside: (id: string) => `setaside.${id}`,
  allSetAside: 'setaside.>',
  alarm: (aggregate: AggregateName, id: string) => `timer.${aggregate}.${id}.alarm`,
  wish: (node: string, key: string) => `agent.${node}.${key}`,
  wishes: (node: string) => `agent.${node}.>`,
  snapshot: (aggregate: AggregateName, id: string, chunk: number) =>
    `snap.${aggregate}.${id}.${chunk}`,
  /** The projector tells how far it is: body `{ sequence }`. */
  projected: 'live.projector.projected',
  /** Requests to the projector: `{ operation: 'rebuild' | 'verify' }`. */
  projector: 'live.projector.control',
  /** Streams to the control process: a `SchedulingQuestion`, and its answer. */
  scheduling: 'live.scheduler.question',
} as const;

const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** Stable for a number of partitions (FNV-1a of `aggregate.id`). */
export function partitionOf(aggregate: AggregateName, id: string, partitions: number): number {
  let hash = FNV_OFFSET;
  for (const character of `${aggregate}.${id}`) {
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), FNV_PRIME) >>> 0;
  }
  return hash % partitions;
}
