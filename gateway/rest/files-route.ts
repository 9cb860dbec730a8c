import { Readable } from 'node:stream';
import { FilePath, type FileRequest, PeerFailed, type Rejection } from '@orrery/bus';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { authenticate } from '../auth/authenticate.ts';
import type { Operation } from '../auth/may.ts';
import { RequestFailed } from '../errors.ts';
import type { Gateway } from '../gateway.ts';
import { parseArguments } from '../graphql/arguments.ts';
import { contextOf, lineOf } from '../graphql/request-context.ts';
import { readFiles, writeFiles } from '../inside/files.ts';
import { findMainKernel, type RunningKernel } from '../inside/main-kernel.ts';
import { noteUse, useOfFiles, type Visitor, visitorOf } from '../inside/note-use.ts';
import { begun } from './begun.ts';

const PATHS_MAX = 100;
export const FILES_ROUTE = '/files/:session';

const Query = z.strictObject({
  path: z.preprocess(
    (paths) => (typeof paths === 'string' ? [paths] : (paths ?? ['.'])),
    z.array(FilePath).min(1).max(PATHS_MAX),
  ),
  /** `tar`: an archive of all the paths, or one to unpack in a directory. */
  archive: z.literal('tar').optional(),
});

/**
 * `GET /files/SESSION?path=…` gives the bytes of one file, or with `archive=tar` a tar of many; `PUT` takes
 * the same. Content streams through: neither side is ever ahead of the other by more than a window.
 */
export function registerFiles(app: FastifyInstance, gateway: Gateway): void {
  void app.register((scope, _options, done) => {
    for (const type of ['application/octet-stream', 'application/x-tar'])
      scope.addContentTypeParser(type, (_request, payload, done) => done(null, payload));
    scope.get<{ Params: { readonly session: string } }>(FILES_ROUTE, async (request, reply) => {
      const { kernel, node, visitor } = await authorised(gateway, request, 'GET /files/:session');
      const { path, archive } = parseArguments(Query, request.query);
      const asked: FileRequest =
        archive === 'tar'
          ? { kind: 'file-read-tar', kernel, paths: path }
          : { kind: 'file-read', kernel, path: onlyOne(path) };
      await note(gateway, visitor, asked);
      const pieces = readFiles(gateway, { node, request: asked }, gateway.closing);
      const type = archive === 'tar' ? 'application/x-tar' : 'application/octet-stream';
      return reply.type(type).send(await begun(pieces, told));
    });
    scope.put<{ Params: { readonly session: string } }>(FILES_ROUTE, async (request) => {
      const { kernel, node, visitor } = await authorised(gateway, request, `PUT ${FILES_ROUTE}`);
      const { path, archive } = parseArguments(Query, request.query);
      const asked: FileRequest = {
        kind: archive === 'tar' ? 'file-write-tar' : 'file-write',
        kernel,
        path: onlyOne(path),
      };
      await note(gateway, visitor, asked);
      const content = request.body instanceof Readable ? request.body : Readable.from([]);
      try {
        return await writeFiles(gateway, { node, request: asked, content }, gateway.closing);
      } catch (error) {
        throw told(error);
      }
    });
    done();
  });
}

async function authorised(
  gateway: Gateway,
  request: FastifyRequest<{ Params: { readonly session: string } }>,
  operation: Operation,
): Promise<RunningKernel & { readonly visitor: Visitor }> {
  const caller = await authenticate(gateway, lineOf(request));
  const context = contextOf(gateway, caller, request);
  if (caller.kind === 'user') await gateway.ownWrites.readable(caller.userId, context.signal);
  const found = await findMainKernel(context, operation, request.params.session);
  if (found.ok) return { ...found.value, visitor: visitorOf(context, found.value.session) };
  throw refusedAs(found.error);
}

async function note(gateway: Gateway, visitor: Visitor, asked: FileRequest): Promise<void> {
  const use = useOfFiles(asked);
  if (use !== undefined) await noteUse(gateway, visitor, use);
}

function onlyOne(paths: readonly string[]): string {
  const [path] = paths;
  if (path !== undefined && paths.length === 1) return path;
  throw new RequestFailed('INPUT_INVALID', 'Several files are given as an archive only.', {
    field: 'archive',
  });
}

function told(error: unknown): unknown {
  if (!(error instanceof PeerFailed) || error.peerCode.startsWith('bus.')) return error;
  return refusedAs({ code: error.peerCode, message: error.message }, error);
}

function refusedAs({ code, message, field }: Rejection, cause?: unknown): RequestFailed {
  const failure =
    code === 'session-not-found'
      ? 'SESSION_NOT_FOUND'
      : code === 'file-not-found'
        ? 'FILE_NOT_FOUND'
        : 'FILE_REFUSED';
  return new RequestFailed(failure, message, { cause, field, details: { code } });
}
