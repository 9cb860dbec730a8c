import { type IncomingMessage, type RequestOptions, request } from 'node:http';
import type { Duplex } from 'node:stream';

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
}

/** A browser that was let into one app: it keeps the cookie that it was given. */
export interface Visitor {
  readonly cookie: string;
  readonly base: string;
  get(path: string, options?: RequestOptions): Promise<Answer>;
  /** The answer as it comes. */
  open(
    path: string,
    options?: RequestOptions,
    body?: AsyncIterable<Buffer>,
  ): Promise<IncomingMessage>;
  /** Speaks another protocol. */
  upgrade(path: string): Promise<{ readonly answer: IncomingMessage; readonly socket: Duplex }>;
}

/** Goes to an address as it was given, and on from there. */
export async function visit(address: string): Promise<Visitor> {
  const entry = await read(await send(address, {}));
  const [cookie = ''] = (entry.headers['set-cookie']?.[0] ?? '').split(';');
  if (entry.status !== 303 || cookie === '')
    throw new Error(`nobody was let in: ${entry.status} ${entry.text}`);
  const url = new URL(entry.headers.location ?? '', address);
  const base = url.href;
  const options = (more: RequestOptions = {}): RequestOptions => ({
    ...more,
    headers: { cookie, ...more.headers },
  });
  const there = (path: string): string => new URL(path, base).href;
  return {
    cookie,
    base,
    get: async (path, more) => read(await send(there(path), options(more))),
    open: (path, more, body) => send(there(path), options(more), body),
    upgrade: (path) =>
      new Promise((resolve, reject) => {
        const headers = { connection: 'Upgrade', upgrade: 'echo' };
        const asked = request(there(path), options({ headers }));
        asked.once('upgrade', (answer, socket, head) => {
          socket.unshift(head);
          resolve({ answer, socket });
        });
        asked.once('response', (answer) => reject(new Error(`refused: ${answer.statusCode}`)));
        asked.once('error', reject);
        asked.end();
      }),
  };
}

export function send(
  url: string,
  options: RequestOptions,
  body?: AsyncIterable<Buffer>,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const asked = request(url, options);
    asked.once('response', resolve);
    asked.once('error', reject);
    if (body === undefined) asked.end();
    else void write(asked, body);
  });
}

export async function read(answer: IncomingMessage): Promise<Answer> {
  let text = '';
  for await (const piece of answer) text += String(piece);
  return { status: answer.statusCode ?? 0, headers: answer.headers, text };
}

async function write(
  asked: ReturnType<typeof request>,
  body: AsyncIterable<Buffer>,
): Promise<void> {
  for await (const piece of body) {
    if (asked.destroyed) return;
    if (!asked.write(piece)) await new Promise((resolve) => asked.once('drain', resolve));
  }
  asked.end();
}
