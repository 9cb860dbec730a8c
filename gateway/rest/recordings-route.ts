import { PeerFailed, RecordingName } from '@orrery/bus';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { authenticate } from '../auth/authenticate.ts';
import { RequestFailed } from '../errors.ts';
import type { Gateway } from '../gateway.ts';
import { parseArguments } from '../graphql/arguments.ts';
import { contextOf, lineOf } from '../graphql/request-context.ts';
import { readFiles } from '../inside/files.ts';
import { findPlacedKernel } from '../inside/main-kernel.ts';
import { begun } from './begun.ts';

const Params = z.strictObject({ session: z.string(), name: RecordingName });
const ROUTE = '/recordings/:session/:name';

/** `GET /recordings/SESSION/NAME` gives what was recorded of a terminal, also after the session's end. */
export function registerRecordings(app: FastifyInstance, gateway: Gateway): void {
  app.get(ROUTE, async (request, reply) => {
    const caller = await authenticate(gateway, lineOf(request));
    const context = contextOf(gateway, caller, request);
    if (caller.kind === 'user') await gateway.ownWrites.readable(caller.userId, context.signal);
    const { session, name } = parseArguments(Params, request.params);
    const found = await findPlacedKernel(context, `GET ${ROUTE}`, session);
    if (!found.ok) throw new RequestFailed('SESSION_NOT_FOUND', found.error.message);
    if (found.value === undefined) throw missing();
    const { kernel, node } = found.value;
    const asked = { kind: 'recording-read', kernel, name } as const;
    const pieces = readFiles(gateway, { node, request: asked }, gateway.closing);
    return reply.type('application/x-asciicast').send(await begun(pieces, told));
  });
}

function told(error: unknown): unknown {
  const isMissing = error instanceof PeerFailed && error.peerCode === 'recording-not-found';
  return isMissing ? missing(error) : error;
}

function missing(cause?: unknown): RequestFailed {
  return new RequestFailed('FILE_NOT_FOUND', 'There is no such recording, or not any more.', {
    cause,
  });
}
