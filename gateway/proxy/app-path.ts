/** An app of a session, as its address names it. */
export interface AppPlace {
  readonly session: string;
  readonly app: string;
}

export const APPS_PREFIX = '/apps/';

/** Below which the app is seen. */
export function appPath({ session, app }: AppPlace): string {
  return `${APPS_PREFIX}${session}/${app}/`;
}

const PATH = /^\/apps\/([^/?]+)\/([^/?]+)(\/[^?]*)?(\?.*)?$/;

/** Where a request's target leads; `rest` begins with a slash. Undefined: to no app. */
export function parseAppTarget(
  target: string,
): (AppPlace & { readonly rest: string | undefined; readonly query: string }) | undefined {
  const found = PATH.exec(target);
  if (found === null) return undefined;
  const [, session = '', app = '', rest, query = ''] = found;
  return { session, app, rest, query };
}
