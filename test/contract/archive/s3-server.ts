import { createHash, createHmac } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

/** Names that one page of a listing holds, so that a test reaches the second. */
const PAGE_NAMES = 2;

export interface S3Server {
  readonly endpoint: string;
  readonly objects: Map<string, Buffer>;
  /** Requests that were refused because of their signature. */
  readonly refused: string[];
  /** Answers with 503 that come before the next real one. */
  busy: number;
  stop(): Promise<void>;
}

const digest = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex');
const keyed = (key: Buffer | string, text: string): Buffer =>
  createHmac('sha256', key).update(text, 'utf8').digest();

/** One bucket over HTTP, which takes only what is signed with the secret, by a computation of its own. */
export async function startS3(bucket: string, secret: string): Promise<S3Server> {
  const objects = new Map<string, Buffer>();
  const state = { objects, refused: [] as string[], busy: 0 };
  const server = createServer((request, response) => {
    void answer(request, response, { ...state, bucket, secret, state });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  return Object.assign(state, {
    endpoint: `http://127.0.0.1:${address.port}`,
    stop: () =>
      new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  });
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  world: {
    readonly bucket: string;
    readonly secret: string;
    readonly objects: Map<string, Buffer>;
    readonly state: { refused: string[]; busy: number };
  },
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const send = (status: number, content: Buffer | string = ''): void => {
    response.writeHead(status).end(content);
  };
  if (world.state.busy > 0) {
    world.state.busy -= 1;
    send(503, 'SlowDown');
    return;
  }
  if (!isSigned(request, body, world.secret)) {
    world.state.refused.push(request.url ?? '');
    send(403, 'SignatureDoesNotMatch');
    return;
  }
  const url = new URL(request.url ?? '/', 'http://any');
  const [, bucket, ...rest] = url.pathname.split('/').map(decodeURIComponent);
  const key = rest.join('/');
  if (bucket !== world.bucket) return send(404, 'NoSuchBucket');
  if (key === '') return send(200, listing(world.objects, url.searchParams));
  if (request.method === 'PUT') {
    world.objects.set(key, body);
    return send(200);
  }
  if (request.method === 'DELETE') {
    world.objects.delete(key);
    return send(204);
  }
  const found = world.objects.get(key);
  return found === undefined ? send(404, 'NoSuchKey') : send(200, found);
}

function listing(objects: ReadonlyMap<string, Buffer>, query: URLSearchParams): string {
  const prefix = query.get('prefix') ?? '';
  const after = query.get('continuation-token') ?? '';
  const keys = [...objects.keys()].filter((key) => key.startsWith(prefix) && key > after).sort();
  const page = keys.slice(0, PAGE_NAMES);
  const next = keys.length > page.length ? page.at(-1) : undefined;
  const contents = page
    .map((key) => `<Contents><Key>${key}</Key><Size>1</Size></Contents>`)
    .join('');
  const more = next === undefined ? '' : `<NextContinuationToken>${next}</NextContinuationToken>`;
  return `<?xml version="1.0"?><ListBucketResult>${contents}${more}</ListBucketResult>`;
}

/** As the documentation of Signature Version 4 has it, from what arrived. */
function isSigned(request: IncomingMessage, body: Buffer, secret: string): boolean {
  const header = request.headers.authorization ?? '';
  const parsed =
    /^AWS4-HMAC-SHA256 Credential=[^/]+\/(\d{8})\/([^/]+)\/s3\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/.exec(
      header,
    );
  if (parsed === null) return false;
  const [, day = '', region = '', signedNames = '', signature] = parsed;
  if (request.headers['x-amz-content-sha256'] !== digest(body)) return false;
  const [path = '', query = ''] = (request.url ?? '').split('?');
  const sorted = query.split('&').sort().join('&');
  const names = signedNames.split(';');
  const lines = names.map((name) => `${name}:${String(request.headers[name]).trim()}`);
  const canonical = [request.method, path, sorted, ...lines, '', signedNames, digest(body)].join(
    '\n',
  );
  const stamp = String(request.headers['x-amz-date']);
  const toSign = `AWS4-HMAC-SHA256\n${stamp}\n${day}/${region}/s3/aws4_request\n${digest(canonical)}`;
  const key = keyed(keyed(keyed(keyed(`AWS4${secret}`, day), region), 's3'), 'aws4_request');
  return stamp.startsWith(day) && keyed(key, toSign).toString('hex') === signature;
}
