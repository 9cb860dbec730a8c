import { Readable } from 'node:stream';
import type { RecordedCommit } from '@orrery/bus';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { ENTITY_CHARACTERS_MAX, parseEntity } from '../audit/entity.ts';
import { type ReplayEnd, type ReplayRange, replay } from '../audit/replay.ts';
import { shownEvent } from '../audit/shown-event.ts';
import { authenticate } from '../auth/authenticate.ts';
import { authoriseSignedIn, visibilityOf } from '../auth/authorise.ts';
import { RequestFailed } from '../errors.ts';
import type { Gateway } from '../gateway.ts';
import { parseArguments } from '../graphql/arguments.ts';
import { lineOf } from '../graphql/request-context.ts';
import { scalarForms } from '../graphql/scalars.ts';

/** What waits in the process for a slow reader. */
const WAITING_BYTES_MAX = 64 * 1024;

const Query = z.strictObject({
  /** A sequence, or an instant. */
  from: z.string().max(64).optional(),
  to: z.string().max(64).optional(),
  /** The last sequence that was seen, to go on after a replay that was cut. */
  after: z
    .string()
    .regex(/^\d{1,15}$/)
    .optional(),
  entity: z.string().max(ENTITY_CHARACTERS_MAX).optional(),
});

/** `GET /replay`: one commit a line, as fast as it is read. Cut short when the gateway closes. */
export function registerReplay(app: FastifyInstance, gateway: Gateway): void {
  const stopping = new AbortController();
  app.addHook('preClose', (done) => {
    stopping.abort();
    done();
  });
  app.get('/replay', async (request, reply) => {
    const caller = await authenticate(gateway, lineOf(request));
    const viewer = authoriseSignedIn(caller, 'GET /replay');
    const { from, to, after, entity } = parseArguments(Query, request.query);
    const range: ReplayRange = {
      entity: parseEntity(entity),
      from: parseEnd('from', from),
      to: parseEnd('to', to),
      afterSequence: Number(after ?? 0),
      visibility: visibilityOf(viewer, 'GET /replay'),
    };
    const signal = AbortSignal.any([stopping.signal, gateway.closing]);
    const lines = Readable.from(linesOf(gateway, range, signal), {
      objectMode: false,
      highWaterMark: WAITING_BYTES_MAX,
      signal,
    });
    return reply.type('application/x-ndjson').send(lines);
  });
}

async function* linesOf(
  gateway: Gateway,
  range: ReplayRange,
  signal: AbortSignal,
): AsyncGenerator<string, void> {
  using _reading = gateway.readings.begin();
  for await (const commits of replay(gateway, range, signal))
    yield commits.map(lineOfCommit).join('');
}

function lineOfCommit(commit: RecordedCommit): string {
  return `${JSON.stringify({ ...commit, events: commit.events.map(shownEvent) })}\n`;
}

/** @throws {RequestFailed} `INPUT_INVALID` */
function parseEnd(field: 'from' | 'to', text: string | undefined): ReplayEnd | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,15}$/.test(text)) return { sequence: Number(text) };
  const timeMs = scalarForms['DateTime']?.parse(text);
  if (typeof timeMs === 'number') return { timeMs };
  throw new RequestFailed(
    'INPUT_INVALID',
    `The end ${field} is a sequence of the log or an instant such as 2026-11-20T12:00:00.000Z.`,
    { field },
  );
}
