import { type AggregateName, aggregateOfEvent, type Bus, type Clock } from '@orrery/bus';

/** A server that lags behind the others shows what is missing after this time or another does. */
const REPLICA_DELAY_MS = 20;
const REPLICA_TRIES_MAX = 50;

const keyOf = (partition: number): string => `checkpoint.said.${partition}`;

export interface Unsaid {
  /** Behind this lies what may be unsaid. */
  readonly after: number;
  /** Up to here it was looked for. */
  readonly upTo: number;
  /** Whose commits they are, in the order of their first ones. */
  readonly aggregates: readonly { readonly aggregate: AggregateName; readonly id: string }[];
}

/** What whoever had the partition before may have written without saying what follows. @throws {BusUnavailable} */
export async function findUnsaid(
  { bus, clock }: { readonly bus: Bus; readonly clock: Clock },
  partition: number,
): Promise<Unsaid> {
  const [saved, upTo] = await Promise.all([
    bus.config.get(keyOf(partition)),
    bus.log.lastSequence(),
  ]);
  // Before the first mark everything that was said followed from commands in the inbox: they are met again.
  if (saved === undefined) await saveSaid(bus, partition, upTo);
  const after = saved === undefined ? upTo : Math.min(upTo, Number(saved.value));
  const found = new Map<string, Unsaid['aggregates'][number]>();
  let read = after;
  for (let tries = 0; read < upTo && tries < REPLICA_TRIES_MAX; tries++) {
    if (tries > 0) await clock.sleep(REPLICA_DELAY_MS);
    for await (const page of bus.log.readMessages({ afterSequence: read, upToSequence: upTo }))
      for (const { subject, sequence } of page) {
        read = sequence;
        const place = aggregateOfEvent(subject);
        if (place === undefined) continue;
        const { aggregate, aggregateId: id } = place;
        if (bus.inbox.partitionOf(aggregate, id) === partition)
          found.set(subject, { aggregate, id });
      }
  }
  return { after, upTo, aggregates: [...found.values()] };
}

/** @throws {BusUnavailable} */
export async function saveSaid(bus: Bus, partition: number, upTo: number): Promise<void> {
  await bus.config.put(keyOf(partition), String(upTo));
}
