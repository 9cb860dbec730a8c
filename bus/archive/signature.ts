import { createHmac, hash } from 'node:crypto';

export interface S3Keys {
  readonly accessKey: string;
  readonly secretKey: string;
  readonly region: string;
}

export interface S3Call {
  readonly method: 'GET' | 'PUT' | 'DELETE';
  /** With its path and query as they are sent: encoded, the query sorted by name. */
  readonly url: URL;
  readonly body: Uint8Array;
  readonly atMs: number;
}

const SERVICE = 's3';
const ALGORITHM = 'AWS4-HMAC-SHA256';

/** The headers that sign a request by AWS Signature Version 4. */
export function signS3(call: S3Call, keys: S3Keys): Readonly<Record<string, string>> {
  const { method, url, body, atMs } = call;
  const time = new Date(atMs).toISOString().replaceAll(/[-:]|\.\d{3}/g, '');
  const date = time.slice(0, 8);
  const bodyHash = hash('sha256', body, 'hex');
  const headers = { host: url.host, 'x-amz-content-sha256': bodyHash, 'x-amz-date': time };
  const names = Object.keys(headers).join(';');
  const lines = Object.entries(headers).map(([name, value]) => `${name}:${value}\n`);
  const request = [method, url.pathname, url.search.slice(1), lines.join(''), names, bodyHash];
  const scope = `${date}/${keys.region}/${SERVICE}/aws4_request`;
  const text = [ALGORITHM, time, scope, hash('sha256', request.join('\n'), 'hex')].join('\n');
  const parts = [date, keys.region, SERVICE, 'aws4_request'];
  const key = parts.reduce<Buffer>(sign, Buffer.from(`AWS4${keys.secretKey}`));
  const signature = sign(key, text).toString('hex');
  const { host: _host, ...sent } = headers;
  return {
    ...sent,
    authorization: `${ALGORITHM} Credential=${keys.accessKey}/${scope}, SignedHeaders=${names}, Signature=${signature}`,
  };
}

function sign(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/** One part of a path or query as S3 wants it: everything but letters, digits and `-._~` in percent. */
export function encodeS3(text: string): string {
  const percent = (character: string): string =>
    `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(text).replaceAll(/[!'()*]/g, percent);
}
