import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type AppPass, VISIT_MS } from '../auth/app-passes.ts';
import { RequestFailed } from '../errors.ts';
import type { Gateway } from '../gateway.ts';
import { failureOf, logFailure } from '../graphql/error-form.ts';
import { noteUse } from '../inside/note-use.ts';
import { type AppQuestion, answerOf, askApp, switchOf } from './app-exchange.ts';
import { type AnswerPlace, type HeaderLines, headerLines, headersFromApp } from './app-headers.ts';
import { type AppPlace, appPath, parseAppTarget } from './app-path.ts';
import type { AppProxy, AppRequestLine } from './app-proxy.ts';
import { type AppRoute, AppRoutes, PERMISSION_MS } from './app-routes.ts';
import { takeEntry, visitCookie, visitIn } from './entry.ts';
import { failureAnswer } from './failure-page.ts';

/** What is asked of which app, by somebody who may. */
interface Visit {
  readonly pass: AppPass;
  readonly route: AppRoute;
  /** As the app is to see it. */
  readonly target: string;
  readonly answer: AnswerPlace;
}

/** Carries requests to the kernels themselves, a connection each, over the bus. */
export function createAppProxy(gateway: Gateway): AppProxy {
  const routes = new AppRoutes(gateway);
  return {
    async serve(line, response) {
      try {
        const entered = await enter(gateway, routes, line);
        if (entered !== undefined) return redirect(response, entered);
        await serve(gateway, routes, { line, response });
      } catch (error) {
        refuse(gateway, { line, response }, error);
      }
    },
    async upgrade(line, socket, head) {
      socket.on('error', () => undefined);
      try {
        await upgrade(gateway, routes, { line, socket, head });
      } catch (error) {
        refuseUpgrade(gateway, { line, socket }, error);
      }
    },
  };
}

interface Redirection {
  readonly status: number;
  readonly location: string;
  readonly cookie?: string;
}

/** Takes an entry for a visit; undefined: none was brought. @throws {RequestFailed} */
async function enter(
  gateway: Gateway,
  routes: AppRoutes,
  { request: { url = '/' }, isSecure }: AppRequestLine,
): Promise<Redirection | undefined> {
  const target = parseAppTarget(url);
  if (target === undefined) throw notFound();
  const { session, app, rest = '/', query } = target;
  const entry = takeEntry(query);
  if (entry === undefined)
    return target.rest === undefined
      ? { status: 308, location: `${appPath(target)}${query}` }
      : undefined;
  const pass = gateway.tokens().apps.verify('entry', entry.token);
  if (pass.session !== session || pass.app !== app) throw unknownVisit();
  await routes.mayEnter(pass);
  const { userId } = pass;
  await noteUse(gateway, { session, userId, traceparent: undefined }, { kind: 'app-opened', app });
  const { token } = gateway.tokens().apps.issue('visit', pass);
  const cookie = visitCookie(target, { token, isSecure, lifeMs: VISIT_MS });
  return { status: 303, location: `${appPath(target)}${rest.slice(1)}${entry.query}`, cookie };
}

/** @throws {RequestFailed} */
async function visitOf(
  gateway: Gateway,
  routes: AppRoutes,
  { request: { url = '/', headers } }: AppRequestLine,
): Promise<Visit> {
  const target = parseAppTarget(url);
  if (target === undefined) throw notFound();
  const token = visitIn(headers.cookie);
  if (token === undefined) throw unknownVisit();
  const pass = gateway.tokens().apps.verify('visit', token);
  if (pass.session !== target.session || pass.app !== target.app) throw unknownVisit();
  const route = await routes.find(pass);
  const { protocol, isAtBasePath } = route.app;
  if (protocol !== 'http' && protocol !== 'preopen')
    throw new RequestFailed('APP_NOT_FOUND', `The app ${pass.app} speaks no HTTP.`);
  const place: AppPlace = pass;
  const answer = { place, isAtBasePath, host: headers.host, port: route.port };
  const ofApp = `${target.rest ?? '/'}${target.query}`;
  return { pass, route, answer, target: isAtBasePath ? url : ofApp };
}

async function serve(
  gateway: Gateway,
  routes: AppRoutes,
  { line, response }: { readonly line: AppRequestLine; readonly response: ServerResponse },
): Promise<void> {
  const visit = await visitOf(gateway, routes, line);
  const over = new AbortController();
  const leave = (): void => over.abort();
  response.once('close', leave);
  const watched = watchPermission(gateway, routes, { visit, over });
  try {
    const { headers } = line.request;
    const isChunked = headers['transfer-encoding'] !== undefined;
    const connection: HeaderLines = isChunked
      ? [...STAYING, ['Transfer-Encoding', 'chunked']]
      : STAYING;
    const outgoing = await askApp(gateway, routes, questionOf({ line, visit, over, connection }));
    // What the app does not want of an upload is dropped: its refusal is the answer.
    // Left in the pipe, it would be paused for ever, and the connection's next request behind it.
    outgoing.once('close', () => void line.request.unpipe(outgoing).resume());
    line.request.pipe(outgoing);
    const incoming = await answerOf(gateway, outgoing, over.signal);
    const lines = headersFromApp(headerLines(incoming.rawHeaders), visit.answer);
    response.writeHead(incoming.statusCode ?? 502, incoming.statusMessage, lines.flat());
    response.flushHeaders();
    await pipeline(incoming, response);
  } finally {
    response.off('close', leave);
    over.abort();
    await watched;
  }
}

async function upgrade(
  gateway: Gateway,
  routes: AppRoutes,
  at: { readonly line: AppRequestLine; readonly socket: Duplex; readonly head: Buffer },
): Promise<void> {
  const { line, socket, head } = at;
  const visit = await visitOf(gateway, routes, line);
  const over = new AbortController();
  const leave = (): void => over.abort();
  socket.once('close', leave);
  const watched = watchPermission(gateway, routes, { visit, over });
  try {
    const protocol = line.request.headers.upgrade ?? '';
    const connection = [
      ['Connection', 'Upgrade'],
      ['Upgrade', protocol],
    ] as const;
    const outgoing = await askApp(gateway, routes, questionOf({ line, visit, over, connection }));
    outgoing.end();
    const switched = await switchOf(gateway, outgoing, over.signal);
    const lines = headersFromApp(headerLines(switched.answer.rawHeaders), visit.answer);
    if (switched.there === undefined) {
      socket.write(headText(switched.answer, [...lines, ...CLOSING]));
      await pipeline(switched.answer, socket);
      return;
    }
    const { there } = switched;
    there.on('error', () => socket.destroy());
    socket.write(headText(switched.answer, [...lines, ...connection]));
    if (switched.head.length > 0) socket.write(switched.head);
    if (head.length > 0) there.write(head);
    over.signal.addEventListener('abort', () => void socket.destroy(), { once: true });
    await Promise.all([pipeline(socket, there), pipeline(there, socket)]).catch(() => undefined);
  } finally {
    socket.off('close', leave);
    over.abort();
    await watched;
  }
}

/** An app that closed it after an early answer would lose that answer; we leave when we have it. */
const STAYING: HeaderLines = [['Connection', 'keep-alive']];
const CLOSING: HeaderLines = [['Connection', 'close']];

function questionOf({
  line,
  visit: { pass, route, target },
  over,
  connection,
}: {
  readonly line: AppRequestLine;
  readonly visit: Visit;
  readonly over: AbortController;
  readonly connection: HeaderLines;
}): AppQuestion {
  return { line, place: pass, route, target, connection, over: over.signal };
}

/** Ends what lasts when it may not any more. Resolves when it is over. */
async function watchPermission(
  { clock }: Gateway,
  routes: AppRoutes,
  { visit, over }: { readonly visit: Visit; readonly over: AbortController },
): Promise<void> {
  while (!over.signal.aborted) {
    try {
      await clock.sleep(PERMISSION_MS, over.signal);
      await routes.mayEnter(visit.pass);
    } catch (error) {
      if (over.signal.aborted || (error instanceof RequestFailed && !error.isRetryable))
        over.abort(error);
    }
  }
}

function redirect(response: ServerResponse, { status, location, cookie }: Redirection): void {
  response.writeHead(status, {
    location,
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    ...(cookie === undefined ? {} : { 'set-cookie': cookie }),
  });
  response.end();
}

function refuse(
  gateway: Gateway,
  { line, response }: { readonly line: AppRequestLine; readonly response: ServerResponse },
  error: unknown,
): void {
  // What the app does to a connection whose answer is whole is nothing to the client.
  if (response.writableEnded) return;
  if (response.headersSent || response.destroyed) {
    // Half of an answer must not look like a whole one.
    response.destroy();
    return;
  }
  const failure = failureOf(error);
  logFailure(failure, gateway.logger);
  const { status, type, body } = failureAnswer(failure, line.request.headers.accept);
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    // Of an upload the rest is not read.
    ...(line.request.complete ? {} : { connection: 'close' }),
  });
  response.end(line.request.method === 'HEAD' ? undefined : body);
}

function refuseUpgrade(
  gateway: Gateway,
  { line, socket }: { readonly line: AppRequestLine; readonly socket: Duplex },
  error: unknown,
): void {
  if (socket.destroyed) return;
  const failure = failureOf(error);
  logFailure(failure, gateway.logger);
  const { status, type, body } = failureAnswer(failure, line.request.headers.accept);
  const length = Buffer.byteLength(body);
  socket.end(
    `HTTP/1.1 ${status} ${failure.code}\r\nContent-Type: ${type}\r\nContent-Length: ${length}\r\nConnection: close\r\n\r\n${body}`,
  );
}

function headText(
  { statusCode = 502, statusMessage = '' }: IncomingMessage,
  lines: HeaderLines,
): string {
  const text = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  return `HTTP/1.1 ${statusCode} ${statusMessage}\r\n${text}\r\n`;
}

function notFound(): RequestFailed {
  return new RequestFailed('ROUTE_NOT_FOUND', 'An app is at /apps/SESSION/APP/.');
}

function unknownVisit(): RequestFailed {
  const message = 'You were not let into this app, or too long ago. Open it again.';
  return new RequestFailed('TICKET_INVALID', message);
}
