import { InputInvalid } from './errors.ts';

/** Where a gateway answers. `prefix` is the path in front of its own, without a slash at the end. */
export interface Endpoint {
  readonly url: string;
  readonly host: string;
  readonly hostname: string;
  readonly port: string;
  readonly isSecure: boolean;
  readonly prefix: string;
}

/** @throws {InputInvalid} when the text is no http or https URL. */
export function parseEndpoint(text: string): Endpoint {
  const url = URL.parse(text);
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    throw new InputInvalid(
      'endpoint',
      `the endpoint ${JSON.stringify(text)} is not a URL such as http://127.0.0.1:8090`,
    );
  }
  const prefix = url.pathname.replace(/\/+$/, '');
  return {
    url: `${url.protocol}//${url.host}${prefix}`,
    host: url.host,
    hostname: url.hostname,
    port: url.port,
    isSecure: url.protocol === 'https:',
    prefix,
  };
}

/** WebSocket address of a path of the gateway, or of an absolute URL it gave. */
export function webSocketUrl(endpoint: Endpoint, path: string): string {
  const scheme = endpoint.isSecure ? 'wss' : 'ws';
  if (/^[a-z]+:\/\//.test(path)) return path.replace(/^http/, 'ws');
  return `${scheme}://${endpoint.host}${endpoint.prefix}${path.startsWith('/') ? '' : '/'}${path}`;
}
