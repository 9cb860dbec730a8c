import type { Clock } from '../clock.ts';
import { ArchiveUnavailable } from './errors.ts';
import { OBJECT_BYTES_MAX, OBJECT_NAME, type SegmentStore } from './segment-store.ts';
import { encodeS3, type S3Call, type S3Keys, signS3 } from './signature.ts';

export interface S3Options extends S3Keys {
  /** Such as `https://s3.eu-central-1.amazonaws.com`; the bucket is put into the path. */
  readonly endpoint: string;
  readonly bucket: string;
  /** Before each name, without slashes at its ends; empty for none. */
  readonly prefix: string;
}

const REQUEST_MS_MAX = 60_000;
const TRIES_MAX = 4;
const RETRY_MS = 250;
const ANSWER_CHARACTERS_MAX = 500;
/** Pages of a listing, 1,000 names each. */
const PAGES_MAX = 10_000;

interface Request {
  readonly method: S3Call['method'];
  /** Below the bucket; empty for the bucket itself. */
  readonly key: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
}

/** Segments as objects of a bucket, by plain HTTP with AWS Signature V4 and the bucket in the path. */
export function createS3Store(options: S3Options, clock: Clock): SegmentStore {
  const folder = options.prefix === '' ? '' : `${options.prefix}/`;
  const keyOf = (name: string): string => {
    if (!OBJECT_NAME.test(name)) throw new RangeError(`${name} is no name of an object`);
    return `${folder}${name}`;
  };
  const call = (what: string, request: Request): Promise<Response> =>
    persistently(clock, what, () => send(options, clock, request));
  return {
    put: async (name, body) => {
      const response = await call(`write ${name}`, { method: 'PUT', key: keyOf(name), body });
      await expectOk(response, `write ${name}`);
    },
    get: async (name) => {
      const response = await call(`read ${name}`, { method: 'GET', key: keyOf(name) });
      if (response.status === 404) return undefined;
      await expectOk(response, `read ${name}`);
      const size = Number(response.headers.get('content-length') ?? 0);
      if (size > OBJECT_BYTES_MAX) throw new ArchiveUnavailable(`read ${name}: ${size} bytes`);
      return await bytesOf(response, `read ${name}`);
    },
    list: async () => {
      const names: string[] = [];
      let token: string | undefined;
      for (let page = 0; page < PAGES_MAX; page++) {
        const query = {
          ...(token === undefined ? {} : { 'continuation-token': token }),
          'list-type': '2',
          prefix: folder,
        };
        const response = await call('list its segments', { method: 'GET', key: '', query });
        await expectOk(response, 'list its segments');
        const text = await response.text();
        names.push(...textsOf(text, 'Key').map((key) => key.slice(folder.length)));
        [token] = textsOf(text, 'NextContinuationToken');
        if (token === undefined) break;
      }
      return names.filter((name) => OBJECT_NAME.test(name)).sort();
    },
    remove: async (name) => {
      const response = await call(`remove ${name}`, { method: 'DELETE', key: keyOf(name) });
      if (response.status !== 404) await expectOk(response, `remove ${name}`);
    },
  };
}

async function send(options: S3Options, clock: Clock, request: Request): Promise<Response> {
  const { method, key, query = {}, body = new Uint8Array() } = request;
  const path = [options.bucket, ...key.split('/')].map(encodeS3).join('/');
  const pairs = Object.entries(query).map(
    ([name, value]) => `${encodeS3(name)}=${encodeS3(value)}`,
  );
  const url = new URL(
    `/${path}${pairs.length === 0 ? '' : `?${pairs.join('&')}`}`,
    options.endpoint,
  );
  const headers = signS3({ method, url, body, atMs: clock.nowMs() }, options);
  return await fetch(url, {
    method,
    headers,
    redirect: 'error',
    signal: AbortSignal.timeout(REQUEST_MS_MAX),
    ...(method === 'PUT' ? { body: Buffer.from(body) } : {}),
  });
}

/** What the server may do better next time is asked for again. @throws {ArchiveUnavailable} */
async function persistently(
  clock: Clock,
  what: string,
  ask: () => Promise<Response>,
): Promise<Response> {
  for (let tries = 1; ; tries++) {
    try {
      const response = await ask();
      if (response.status < 500 && response.status !== 429) return response;
      if (tries === TRIES_MAX) return response;
      await response.body?.cancel();
    } catch (cause) {
      if (tries === TRIES_MAX) throw new ArchiveUnavailable(what, { cause });
    }
    await clock.sleep(RETRY_MS * 2 ** tries);
  }
}

async function expectOk(response: Response, what: string): Promise<void> {
  if (response.ok) return;
  const text = (await response.text()).slice(0, ANSWER_CHARACTERS_MAX);
  throw new ArchiveUnavailable(`${what}: ${response.status} ${text}`);
}

async function bytesOf(response: Response, what: string): Promise<Uint8Array> {
  try {
    return await response.bytes();
  } catch (cause) {
    throw new ArchiveUnavailable(what, { cause });
  }
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&amp;': '&',
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&apos;': "'",
};

/** The texts of all elements of a name, in order: names of objects hold nothing that would need a parser. */
function textsOf(xml: string, element: string): readonly string[] {
  const found = xml.matchAll(new RegExp(`<${element}>([^<]*)</${element}>`, 'g'));
  return [...found].map(([, text = '']) =>
    text.replaceAll(/&[a-z]+;/g, (entity) => ENTITIES[entity] ?? entity),
  );
}
