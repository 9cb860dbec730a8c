import { type AppPlace, appPath } from './app-path.ts';

/** The parameter of an address that lets somebody in. */
export const ENTRY_PARAMETER = 'orrery-entry';
export const VISIT_COOKIE = 'orrery-app';

/** The address by which somebody comes into an app, at that path below it. */
export function addressOf(place: AppPlace, path: string, token: string): string {
  const [, before = '', query, fragment = ''] = /^([^?#]*)(?:\?([^#]*))?(#.*)?$/.exec(path) ?? [];
  const parameters = [
    ...(query === undefined || query === '' ? [] : [query]),
    `${ENTRY_PARAMETER}=${token}`,
  ];
  return `${appPath(place)}${before}?${parameters.join('&')}${fragment}`;
}

/** The token in a query, and the query without it; undefined: none is in it. */
export function takeEntry(
  query: string,
): { readonly token: string; readonly query: string } | undefined {
  const parameters = query.replace(/^\?/, '').split('&');
  const isEntry = (parameter: string): boolean => parameter.startsWith(`${ENTRY_PARAMETER}=`);
  const entry = parameters.find(isEntry);
  if (entry === undefined) return undefined;
  const others = parameters.filter((parameter) => parameter !== '' && !isEntry(parameter));
  return {
    token: entry.slice(ENTRY_PARAMETER.length + 1),
    query: others.length === 0 ? '' : `?${others.join('&')}`,
  };
}

/** The visit among the cookies that a client sent. */
export function visitIn(cookies: string | undefined): string | undefined {
  for (const cookie of (cookies ?? '').split(';')) {
    const [name, value] = cookie.trim().split('=', 2);
    if (name === VISIT_COOKIE && value !== undefined) return value;
  }
  return undefined;
}

/** The cookies that are for the app: all but ours. */
export function cookiesForApp(cookies: string): string {
  return cookies
    .split(';')
    .map((cookie) => cookie.trim())
    .filter((cookie) => !cookie.startsWith(`${VISIT_COOKIE}=`))
    .join('; ');
}

/** Scripts of the app cannot read it, other sites' pages cannot use it but to come here. */
export function visitCookie(
  place: AppPlace,
  {
    token,
    isSecure,
    lifeMs,
  }: { readonly token: string; readonly isSecure: boolean; readonly lifeMs: number },
): string {
  const parts = [
    `${VISIT_COOKIE}=${token}`,
    `Path=${appPath(place)}`,
    `Max-Age=${Math.floor(lifeMs / 1000)}`,
    'HttpOnly',
    'SameSite=Lax',
    ...(isSecure ? ['Secure'] : []),
  ];
  return parts.join('; ');
}
