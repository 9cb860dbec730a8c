import { z } from 'zod';
import type { AnyAggregate } from './aggregate.ts';
import { absent, type Held, type Speech } from './turn.ts';

/** Shape of the first line. */
const FORMAT = 2;
/** Characters of parts that are read before others may run. */
const SLICE_CHARACTERS = 256 * 1024;

/** The first line: all but the state. */
const Head = z.object({
  format: z.literal(FORMAT),
  schemaVersion: z.int(),
  storedVersion: z.int(),
  revision: z.int(),
  hash: z.string(),
  inboxSequence: z.int(),
  commandId: z.string(),
  commitId: z.string(),
  speeches: z.array(z.custom<Speech>()),
  phase: z.string().optional(),
  phaseSinceMs: z.number(),
});

/**
 * What is held at the call, in lines of JSON that are made when they are asked for: the host may go on
 * with it meanwhile.
 */
export function linesOf(aggregate: AnyAggregate, held: Held): Iterable<string> {
  const { revision, hash, inboxSequence, commandId, commitId, speeches } = held;
  const { phase, phaseSinceMs } = held;
  const { schemaVersion, storedVersion } = aggregate;
  const head: z.infer<typeof Head> = {
    format: FORMAT,
    schemaVersion,
    storedVersion,
    revision,
    hash,
    inboxSequence,
    commandId,
    commitId,
    speeches: [...speeches],
    ...(phase === undefined ? {} : { phase }),
    phaseSinceMs,
  };
  return lines(JSON.stringify(head), aggregate.serialise(held.state));
}

function* lines(head: string, parts: Iterable<unknown>): Generator<string> {
  yield `${head}\n`;
  for (const part of parts) yield `${JSON.stringify(part)}\n`;
}

/**
 * What was held when it was stored; undefined when it was stored in another shape, which the log knows
 * better. `pause` lets others run.
 */
export async function heldFrom(
  aggregate: AnyAggregate,
  saved: { readonly id: string; readonly sequence: number; readonly body: string },
  pause: () => Promise<void>,
): Promise<Held | undefined> {
  const { id, sequence, body } = saved;
  const headEnd = body.indexOf('\n');
  const head = parseHead(body.slice(0, Math.max(0, headEnd)));
  if (
    head === undefined ||
    head.schemaVersion !== aggregate.schemaVersion ||
    head.storedVersion !== aggregate.storedVersion
  )
    return undefined;
  let state: unknown = aggregate.initial(id);
  let pausedAt = 0;
  for (let start = headEnd + 1; start < body.length; ) {
    const end = body.indexOf('\n', start);
    state = aggregate.restore(state, JSON.parse(body.slice(start, end)));
    start = end + 1;
    if (start - pausedAt < SLICE_CHARACTERS) continue;
    pausedAt = start;
    await pause();
  }
  const { format: _format, schemaVersion: _schema, storedVersion: _stored, ...rest } = head;
  const held: Held = { ...absent(aggregate, id), ...rest, phase: rest.phase, sequence, state };
  const deadline = aggregate.deadline(state);
  if (deadline !== undefined) held.reconcileAtMs = held.phaseSinceMs + deadline.reconcileMs;
  return held;
}

function parseHead(line: string): z.infer<typeof Head> | undefined {
  try {
    return Head.safeParse(JSON.parse(line)).data;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
