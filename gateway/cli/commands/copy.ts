import { spawn } from 'node:child_process';
import { createReadStream, createWriteStream, existsSync, statSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { OrreryClient } from '../../client/client.ts';
import type { CommandContext, GlobalOptions } from '../context.ts';
import { OutcomeUnwanted, UsageWrong } from '../errors.ts';
import { lookUpSession } from '../session-lookup.ts';

export interface CopyOptions extends GlobalOptions {
  readonly recursive?: boolean;
}

interface Copying {
  readonly context: CommandContext;
  readonly client: OrreryClient;
  readonly sessionId: string;
  readonly isRecursive: boolean;
}

/** `SESSION:PATH`; a path of one letter before the colon is no session, nor is one with a slash. */
const REMOTE = /^([^/:]{2,}):(.*)$/s;

export async function copyFiles(
  context: CommandContext,
  paths: readonly string[],
  options: CopyOptions,
): Promise<undefined> {
  const sources = paths.slice(0, -1);
  const target = paths.at(-1) ?? '';
  const from = sources.map(remoteOf);
  const to = remoteOf(target);
  const references = new Set([...from, to].flatMap((side) => side?.session ?? []));
  const [reference] = references;
  const isDownload = to === undefined && from.every((side) => side !== undefined);
  const isUpload = to !== undefined && from.every((side) => side === undefined);
  if (reference === undefined || references.size > 1 || !(isDownload || isUpload))
    throw new UsageWrong('one side is written SESSION:PATH, of one session, and the other is here');
  const client = await context.client();
  const { id: sessionId } = await lookUpSession(client, reference, context.signal);
  const copying = { context, client, sessionId, isRecursive: options.recursive === true };
  if (to !== undefined) await upload(copying, sources, to.path);
  else
    await download(
      copying,
      from.flatMap((side) => side?.path ?? []),
      target,
    );
}

function remoteOf(side: string): { readonly session: string; readonly path: string } | undefined {
  const [, session, path] = REMOTE.exec(side) ?? [];
  return session === undefined || path === undefined
    ? undefined
    : { session, path: path === '' ? '.' : path };
}

async function upload(copying: Copying, sources: readonly string[], target: string): Promise<void> {
  const { context, client, sessionId, isRecursive } = copying;
  const { signal, output } = context;
  const isInto = sources.length > 1 || target === '.' || target.endsWith('/');
  for (const source of sources) {
    const isDirectory = isDirectoryHere(source);
    if (isDirectory && !isRecursive)
      throw new UsageWrong(`${source} is a directory; --recursive copies it`);
    const place = isInto ? `${target.replace(/\/+$/, '')}/${basename(resolve(source))}` : target;
    const form = isDirectory ? 'tar' : 'bytes';
    const content = isDirectory ? packed(source) : createReadStream(source);
    const written = await client.files.upload({ sessionId, paths: [place], form }, content, signal);
    if (output.isJson) await output.element({ source, target: place, ...written }, () => '');
  }
}

/** A directory's content, as the program `tar` packs it. */
function packed(directory: string): Readable {
  const tar = spawn('tar', ['-C', directory, '-cf', '-', '.'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  tar.once('error', (cause) => tar.stdout.destroy(cause));
  tar.once('exit', (code) => {
    if (code !== 0) tar.stdout.destroy(new OutcomeUnwanted('tar-failed', 'tar could not read all'));
  });
  return tar.stdout;
}

function isDirectoryHere(path: string): boolean {
  const facts = statSync(path, { throwIfNoEntry: false });
  if (facts === undefined) throw new UsageWrong(`there is no file ${path}`);
  return facts.isDirectory();
}

async function download(copying: Copying, paths: readonly string[], target: string): Promise<void> {
  const { context, isRecursive } = copying;
  const isInto = existsSync(target) && isDirectoryHere(target);
  if (isRecursive || paths.length > 1) {
    if (target === '-') throw new UsageWrong('several files go into a directory');
    await mkdir(target, { recursive: true });
    await unpack(copying, paths, target);
    return;
  }
  const [path = '.'] = paths;
  const pieces = copying.client.files.download(
    { sessionId: copying.sessionId, paths, form: 'bytes' },
    context.signal,
  );
  if (target === '-') {
    for await (const piece of pieces) await context.output.bytes(piece);
    return;
  }
  const file = isInto ? join(target, basename(path)) : target;
  const begun = join(dirname(file), `.${basename(file)}.${process.pid}.part`);
  try {
    await pipeline(Readable.from(pieces), createWriteStream(begun));
    await rename(begun, file);
  } catch (error) {
    await rm(begun, { force: true });
    throw error;
  }
  if (context.output.isJson) await context.output.element({ source: path, target: file }, () => '');
}

/** The program `tar` refuses names that lead out of the directory. */
async function unpack(
  { context, client, sessionId }: Copying,
  paths: readonly string[],
  directory: string,
): Promise<void> {
  const pieces = client.files.download({ sessionId, paths, form: 'tar' }, context.signal);
  const first = await pieces.next();
  const tar = spawn('tar', ['-C', directory, '--no-same-owner', '-xf', '-'], {
    stdio: ['pipe', 'ignore', 'inherit'],
  });
  const ended = new Promise<number | null>((resolve, reject) => {
    tar.once('error', reject);
    tar.once('exit', resolve);
  });
  const all = async function* (): AsyncGenerator<Uint8Array, void> {
    if (first.done !== true) yield first.value;
    yield* pieces;
  };
  await pipeline(Readable.from(all()), tar.stdin);
  if ((await ended) !== 0) throw new OutcomeUnwanted('tar-failed', 'tar could not write all');
}
