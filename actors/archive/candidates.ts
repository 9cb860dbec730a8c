import {
  type ArchivedMessage,
  ChainWalk,
  CLOCK_SKEW_MS_MAX,
  type LogMessage,
  MalformedMessage,
  readCommit,
  SEGMENT_BYTES_MAX,
} from '@orrery/bus';
import type { AnyAggregate } from '../runtime/aggregate.ts';
import { absent, replay } from '../runtime/turn.ts';
import type { Archiver } from './archiver.ts';

const DAY_MS = 24 * 60 * 60_000;
/** Aggregates that are looked at before there is a pause, so that a run is not felt. */
const AGGREGATES_PER_PAUSE = 100;
const PAUSE_MS = 50;
const NEWLINE = 0x0a;

/**
 * Everything that may leave the stream, in batches of about `SEGMENT_BYTES_MAX`, each in the order of the log:
 * the whole of what is over since the horizon, and what lies behind the snapshot of a large fold. What is not
 * as it was written stays where it is.
 */
export async function* collect(
  archiver: Archiver,
  signal: AbortSignal,
): AsyncGenerator<readonly ArchivedMessage[], void> {
  const { stream, clock, settings } = archiver;
  const beforeMs = clock.nowMs() - settings.horizonDays * DAY_MS;
  const prefixes = await prefixesOf(archiver, beforeMs);
  let batch: ArchivedMessage[] = [];
  let bytes = 0;
  let looked = 0;
  const upToSequence = await stream.lastSequence();
  for await (const page of stream.readMessages({ afterSequence: 0, upToSequence })) {
    let isPast = true;
    for (const message of page) {
      signal.throwIfAborted();
      const commit = decoded(message);
      isPast &&= commit !== undefined && commit.recordedAtMs >= beforeMs + CLOCK_SKEW_MS_MAX;
      const found =
        commit && (await leaving(archiver, { message, commit }, { prefixes, beforeMs }));
      if (found === undefined) continue;
      batch.push(...found);
      bytes += found.reduce((sum, { message: { body } }) => sum + body.byteLength, 0);
      if (bytes >= SEGMENT_BYTES_MAX) {
        yield inOrder(batch);
        batch = [];
        bytes = 0;
      }
      looked += 1;
      if (looked % AGGREGATES_PER_PAUSE === 0) await clock.sleep(PAUSE_MS, signal);
    }
    // The clock of no host is so wrong that something older could still follow a whole page.
    if (isPast) break;
  }
  if (batch.length > 0) yield inOrder(batch);
}

function inOrder(batch: readonly ArchivedMessage[]): readonly ArchivedMessage[] {
  return batch.toSorted((left, right) => left.message.sequence - right.message.sequence);
}

interface Terms {
  readonly prefixes: ReadonlyMap<string, Prefix>;
  readonly beforeMs: number;
}

/** What leaves with this message; undefined when it is not the first of something that does. */
async function leaving(
  archiver: Archiver,
  { message, commit }: ArchivedMessage,
  { prefixes, beforeMs }: Terms,
): Promise<readonly ArchivedMessage[] | undefined> {
  const prefix = prefixes.get(message.subject);
  if (prefix !== undefined) return prefix.take({ message, commit });
  const aggregate = archiver.aggregates.find(({ name }) => name === commit.aggregate);
  if (aggregate?.isOver === undefined || commit.firstRevision !== 1) return undefined;
  return await wholeLife(archiver, aggregate, { id: commit.aggregateId, beforeMs });
}

/** All commits of what is over and has not changed since; undefined otherwise. */
async function wholeLife(
  { stream, logger }: Archiver,
  aggregate: AnyAggregate,
  { id, beforeMs }: { readonly id: string; readonly beforeMs: number },
): Promise<readonly ArchivedMessage[] | undefined> {
  const life: ArchivedMessage[] = [];
  const chain = new ChainWalk('first-commit');
  const held = absent(aggregate, id);
  const place = { aggregate: aggregate.name, aggregateId: id, afterSequence: 0 };
  for await (const page of stream.readMessages(place)) {
    for (const message of page) {
      const commit = decoded(message);
      const { faults } = chain.take(message);
      if (commit === undefined || faults.length > 0) {
        logger.error({ faults, sequence: message.sequence }, 'what is not whole is not archived');
        return undefined;
      }
      if (commit.recordedAtMs >= beforeMs) return undefined;
      replay(aggregate, held, commit);
      life.push({ message, commit });
    }
  }
  return aggregate.isOver?.(held.state) === true ? life : undefined;
}

/** What its snapshot stands for leaves the stream; its newest commit never does. */
class Prefix {
  readonly #archiver: Archiver;
  readonly #upToSequence: number;
  readonly #beforeMs: number;
  readonly #chain = new ChainWalk('anywhere');
  #isOver = false;

  constructor(
    archiver: Archiver,
    until: { readonly upToSequence: number; readonly beforeMs: number },
  ) {
    this.#archiver = archiver;
    this.#upToSequence = until.upToSequence;
    this.#beforeMs = until.beforeMs;
  }

  take(found: ArchivedMessage): readonly ArchivedMessage[] | undefined {
    const { message, commit } = found;
    // Nothing behind one that stays may leave.
    this.#isOver ||=
      message.sequence >= this.#upToSequence || commit.recordedAtMs >= this.#beforeMs;
    if (this.#isOver) return undefined;
    const { faults } = this.#chain.take(message);
    if (faults.length === 0) return [found];
    this.#isOver = true;
    const { logger } = this.#archiver;
    logger.error({ faults, sequence: message.sequence }, 'what is not whole is not archived');
    return undefined;
  }
}

async function prefixesOf(
  archiver: Archiver,
  beforeMs: number,
): Promise<ReadonlyMap<string, Prefix>> {
  const prefixes = new Map<string, Prefix>();
  for (const { name, singleton } of archiver.aggregates) {
    if (singleton === undefined) continue;
    const snapshot = await archiver.bus.snapshots.load(name, singleton);
    const until = { upToSequence: snapshot?.sequence ?? 0, beforeMs };
    prefixes.set(`evt.${name}.${singleton}`, new Prefix(archiver, until));
  }
  return prefixes;
}

/** Undefined for what could not be read back as it is from a line of a segment. */
function decoded(message: LogMessage): ArchivedMessage['commit'] | undefined {
  try {
    const commit = readCommit(message);
    const isOwn = message.subject === `evt.${commit.aggregate}.${commit.aggregateId}`;
    return isOwn && !message.body.includes(NEWLINE) ? commit : undefined;
  } catch (error) {
    if (error instanceof MalformedMessage) return undefined;
    throw error;
  }
}
