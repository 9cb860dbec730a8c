import { type AppPlace, appPath } from './app-path.ts';
import { cookiesForApp, VISIT_COOKIE } from './entry.ts';

/** Headers as they are written: a name may come several times. */
export type HeaderLines = readonly (readonly [name: string, value: string])[];

/** Of one connection only (RFC 9110, 7.6.1), besides those that `Connection` names. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);
/** Written by us. What a client says of them itself is not believed. */
const FORWARDED = new Set([
  'forwarded',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-proto',
  'x-forwarded-prefix',
  'x-real-ip',
]);
/** With these an app would speak for all that is at our address. */
const OF_ALL_APPS = new Set([
  'clear-site-data',
  'service-worker-allowed',
  'strict-transport-security',
]);

export interface ForwardedFor {
  readonly clientAddress: string;
  readonly isSecure: boolean;
  readonly place: AppPlace;
}

/** What the app is told. `connection` is for the connection to it. */
export function headersToApp(
  lines: HeaderLines,
  { clientAddress, isSecure, place }: ForwardedFor,
  connection: HeaderLines,
): HeaderLines {
  const named = namedByConnection(lines);
  const kept = lines.flatMap(([name, value]): HeaderLines => {
    const key = name.toLowerCase();
    // Who asked to be told to go on was told so by us.
    if (HOP_BY_HOP.has(key) || named.has(key) || FORWARDED.has(key) || key === 'expect') return [];
    if (key !== 'cookie') return [[name, value]];
    const cookies = cookiesForApp(value);
    return cookies === '' ? [] : [[name, cookies]];
  });
  const host = lines.find(([name]) => name.toLowerCase() === 'host')?.[1];
  return [
    ...kept,
    ['X-Forwarded-For', clientAddress],
    ['X-Forwarded-Proto', isSecure ? 'https' : 'http'],
    ...(host === undefined ? [] : ([['X-Forwarded-Host', host]] as const)),
    ['X-Forwarded-Prefix', appPath(place).slice(0, -1)],
    ...connection,
  ];
}

export interface AnswerPlace {
  readonly place: AppPlace;
  /** Whether the app knows below which path it is seen. */
  readonly isAtBasePath: boolean;
  /** As the client wrote it. */
  readonly host: string | undefined;
  readonly port: number;
}

/** What the client is told, with addresses as it knows them. */
export function headersFromApp(lines: HeaderLines, at: AnswerPlace): HeaderLines {
  const named = namedByConnection(lines);
  return lines.flatMap(([name, value]): HeaderLines => {
    const key = name.toLowerCase();
    if (HOP_BY_HOP.has(key) || named.has(key) || OF_ALL_APPS.has(key)) return [];
    if (key === 'location' || key === 'content-location') return [[name, locationOf(value, at)]];
    if (key !== 'set-cookie') return [[name, value]];
    const cookie = cookieOf(value, at);
    return cookie === undefined ? [] : [[name, cookie]];
  });
}

/** As node gives them, one after the other. */
export function headerLines(raw: readonly string[]): HeaderLines {
  const lines: [string, string][] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) lines.push([raw[at] ?? '', raw[at + 1] ?? '']);
  return lines;
}

function namedByConnection(lines: HeaderLines): ReadonlySet<string> {
  const values = lines.filter(([name]) => name.toLowerCase() === 'connection');
  const names = values.flatMap(([, value]) => value.split(','));
  return new Set(names.map((name) => name.trim().toLowerCase()));
}

/** An address of the app's own as the client knows it; any other as it is. */
function locationOf(location: string, { place, isAtBasePath, host, port }: AnswerPlace): string {
  const path = ownPath(location, [host, `127.0.0.1:${port}`, `localhost:${port}`]);
  if (path === undefined) return location;
  const base = appPath(place);
  if (isAtBasePath || path.startsWith(base)) return path;
  return `${base}${path.slice(1)}`;
}

/** The path of an address of the app; undefined: it leads elsewhere, or is relative. */
function ownPath(location: string, hosts: readonly (string | undefined)[]): string | undefined {
  if (location.startsWith('/') && !location.startsWith('//')) return location;
  const url = URL.parse(location.startsWith('//') ? `http:${location}` : location);
  if (url === null || !/^https?:$/.test(url.protocol) || !hosts.includes(url.host))
    return undefined;
  return `${url.pathname}${url.search}${url.hash}`;
}

/** A cookie of the app is for the app alone; undefined: it would take the place of ours. */
function cookieOf(cookie: string, { place, isAtBasePath }: AnswerPlace): string | undefined {
  const [pair = '', ...attributes] = cookie.split(';');
  if (pair.split('=')[0]?.trim() === VISIT_COOKIE) return undefined;
  const base = appPath(place);
  let path = base;
  const kept = attributes.filter((attribute) => {
    const [name = '', value = ''] = attribute.split('=', 2);
    const key = name.trim().toLowerCase();
    if (key === 'path') path = cookiePath(value.trim(), base, isAtBasePath);
    return key !== 'path' && key !== 'domain';
  });
  return [pair, ...kept, ` Path=${path}`].join(';');
}

function cookiePath(path: string, base: string, isAtBasePath: boolean): string {
  if (!path.startsWith('/')) return base;
  if (`${path}/`.startsWith(base)) return path;
  return isAtBasePath ? base : `${base}${path.slice(1)}`;
}
