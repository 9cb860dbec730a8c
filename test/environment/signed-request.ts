import { authorization, SIGNED_PROTOCOL_VERSION, signature } from '../../gateway/auth/signing.ts';

/** Headers of a JSON POST signed with a key pair, as if made at `atMs`. */
export function signRequest(request: {
  readonly endpoint: string;
  readonly target: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly atMs: number;
}): Record<string, string> {
  const date = new Date(request.atMs).toISOString();
  const parts = {
    method: 'POST',
    target: request.target,
    date,
    host: new URL(request.endpoint).host,
    contentType: 'application/json',
    version: SIGNED_PROTOCOL_VERSION,
  };
  return {
    'content-type': 'application/json',
    'x-backendai-date': date,
    'x-backendai-version': SIGNED_PROTOCOL_VERSION,
    authorization: authorization(request.accessKey, signature(request.secretKey, parts)),
  };
}
