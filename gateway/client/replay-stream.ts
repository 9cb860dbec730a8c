import type { IncomingMessage } from 'node:http';
import type { ReplayedCommit } from './audit-model.ts';
import type { TokenSource } from './credentials.ts';
import type { Endpoint } from './endpoint.ts';
import { GatewayUnreachable, ResponseUnexpected, SignInRefused } from './errors.ts';
import { unreachableFrom } from './http.ts';
import type { Patience } from './patience.ts';
import { failureOfResponse } from './response.ts';

/** Of one commit; the log takes messages of 1 MB. */
const LINE_CHARACTERS_MAX = 16 * 1024 * 1024;
const REFUSAL_BYTES_MAX = 64 * 1024;

/** Both ends are included: a sequence of the log in digits, or an instant in ISO 8601. */
export interface ReplayRange {
  /** Default: the first commit. */
  readonly from?: string | undefined;
  readonly to: string;
  /** Such as `session:0190b0c8-…`; absent: the whole log. */
  readonly entity?: string | undefined;
}

export interface ReplayParts {
  readonly endpoint: Endpoint;
  readonly tokens: TokenSource;
  readonly patience: Patience;
  readonly signal: AbortSignal | undefined;
}

/**
 * Commits in the order of the log, each once, over as many connections as it takes. Nothing more is read
 * from the gateway than is asked for.
 */
export async function* replayCommits(
  range: ReplayRange,
  parts: ReplayParts,
): AsyncGenerator<ReplayedCommit, void> {
  const { patience, tokens, signal } = parts;
  const outage = patience.outage();
  let after = 0;
  let isRenewed = false;
  for (;;) {
    const token = await tokens.token(signal);
    try {
      for await (const commit of readOnce(range, { ...parts, token, after })) {
        outage.end();
        isRenewed = false;
        after = commit.sequence;
        yield commit;
      }
      return;
    } catch (failure) {
      signal?.throwIfAborted();
      if (failure instanceof SignInRefused && !isRenewed && tokens.renew(token)) isRenewed = true;
      else await outage.bear(failure, signal);
    }
  }
}

async function* readOnce(
  { from, to, entity }: ReplayRange,
  parts: ReplayParts & { readonly token: string | undefined; readonly after: number },
): AsyncGenerator<ReplayedCommit, void> {
  const { endpoint, token, after, signal } = parts;
  const query = new URLSearchParams({
    to,
    after: String(after),
    ...(from === undefined ? {} : { from }),
    ...(entity === undefined ? {} : { entity }),
  });
  const response = await get(endpoint, { path: `/replay?${query}`, token, signal });
  try {
    if (response.statusCode !== 200) {
      const refusal = { status: response.statusCode ?? 0, body: await textOf(response) };
      throw failureOfResponse(refusal, 'replay');
    }
    for await (const line of linesOf(response)) yield parseLine(line);
  } catch (error) {
    if (signal?.aborted === true) throw signal.reason;
    if (error instanceof Error && 'code' in error && error.code === 'ECONNRESET')
      throw new GatewayUnreachable('the gateway ended the replay early', { cause: error });
    throw error;
  } finally {
    response.destroy();
  }
}

async function get(
  endpoint: Endpoint,
  request: {
    readonly path: string;
    readonly token: string | undefined;
    readonly signal: AbortSignal | undefined;
  },
): Promise<IncomingMessage> {
  const { path, token, signal } = request;
  const http = endpoint.isSecure ? await import('node:https') : await import('node:http');
  signal?.throwIfAborted();
  return await new Promise((resolve, reject) => {
    const outgoing = http.get(`${endpoint.url}${path}`, {
      headers: {
        host: endpoint.host,
        accept: 'application/x-ndjson',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      ...(signal === undefined ? {} : { signal }),
    });
    outgoing.on('response', resolve);
    outgoing.on('error', (cause) => reject(unreachableFrom(cause, endpoint)));
  });
}

async function textOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) {
    text += chunk;
    if (text.length > REFUSAL_BYTES_MAX) break;
  }
  return text;
}

async function* linesOf(response: IncomingMessage): AsyncGenerator<string, void> {
  let begun = '';
  for await (const chunk of response.setEncoding('utf8')) {
    const lines = `${begun}${chunk}`.split('\n');
    begun = lines.pop() ?? '';
    if (begun.length > LINE_CHARACTERS_MAX)
      throw new ResponseUnexpected(
        `a line of the replay is over ${LINE_CHARACTERS_MAX} characters`,
      );
    yield* lines;
  }
  if (begun !== '') throw new ResponseUnexpected('the last line of the replay has no end');
}

function parseLine(line: string): ReplayedCommit {
  try {
    // The gateway writes its own commits, which it has parsed.
    return JSON.parse(line) as ReplayedCommit;
  } catch (cause) {
    throw new ResponseUnexpected('a line of the replay is no JSON', { cause });
  }
}
