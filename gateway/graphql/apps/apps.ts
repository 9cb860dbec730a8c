import {
  AppAnswer,
  AppList,
  AppName,
  AppOptions,
  type AppReport,
  type AppRequest,
  type Rejection,
  type Result,
} from '@orrery/bus';
import { z } from 'zod';
import type { Operation } from '../../auth/may.ts';
import { askKernel } from '../../inside/ask-kernel.ts';
import { findMainKernel, type RunningKernel } from '../../inside/main-kernel.ts';
import { noteUse, visitorOf } from '../../inside/note-use.ts';
import { appPath } from '../../proxy/app-path.ts';
import { addressOf } from '../../proxy/entry.ts';
import { safeParseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { toEnum } from '../enum-words.ts';

const PATH_CHARACTERS_MAX = 2_048;

const ListArguments = z.strictObject({ sessionId: z.string() });
const Start = {
  sessionId: z.string(),
  app: AppName,
  arguments: AppOptions.shape.arguments.nullish().transform((given) => given ?? {}),
  environ: AppOptions.shape.environ.nullish().transform((given) => given ?? {}),
};
const StartArguments = z.strictObject({ input: z.strictObject(Start) });
const StopArguments = z.strictObject({ sessionId: z.string(), app: AppName });
const OpenArguments = z.strictObject({
  input: z.strictObject({
    ...Start,
    path: z
      .string()
      .max(PATH_CHARACTERS_MAX)
      .regex(/^(?!\/)[\x21-\x7e]*$/, 'a path below the app, as a URL has it'),
  }),
});

type Asked = z.infer<typeof StartArguments>['input'];

export async function sessionApps(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(ListArguments, unparsed);
  if (!parsed.ok) return refused(parsed.error);
  const found = await findMainKernel(context, 'Query.sessionApps', parsed.value.sessionId);
  if (!found.ok) return refused(found.error);
  const { kernel, node } = found.value;
  const { gateway, signal } = context;
  const request = { kind: 'app-list', kernel } as const;
  const answer = await askKernel(gateway, { node, request }, AppList, signal);
  if (!answer.ok) return refused(answer.error);
  return { apps: answer.value.apps.map(shapeApp), faults: answer.value.faults };
}

export async function startApp(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(StartArguments, unparsed);
  if (!parsed.ok) return refused(parsed.error);
  const { input } = parsed.value;
  const found = await findMainKernel(context, 'Mutation.startApp', input.sessionId);
  if (!found.ok) return refused(found.error);
  return payloadOf(await start(context, found.value, input));
}

export async function stopApp(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(StopArguments, unparsed);
  if (!parsed.ok) return refused(parsed.error);
  const { sessionId, app } = parsed.value;
  const found = await findMainKernel(context, 'Mutation.stopApp', sessionId);
  if (!found.ok) return refused(found.error);
  const { kernel } = found.value;
  await noteUse(context.gateway, visitorOf(context, found.value.session), {
    kind: 'app-stopped',
    app,
  });
  const request = { kind: 'app-stop', kernel, app } as const;
  return payloadOf(await ask(context, found.value, request));
}

/** Starts it if need be, and gives the way in. */
export async function openApp(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(OpenArguments, unparsed);
  if (!parsed.ok) return refused(parsed.error);
  const { path, ...input } = parsed.value.input;
  const operation: Operation = 'Mutation.openApp';
  const found = await findMainKernel(context, operation, input.sessionId);
  if (!found.ok) return refused(found.error);
  const answer = await start(context, found.value, input);
  if (!answer.ok) return refused(answer.error);
  const unopened = refusalOfOpening(answer.value.app);
  if (unopened !== undefined) return refused(unopened);
  const { session, userId } = visitorOf(context, found.value.session);
  const pass = { session, userId, app: input.app };
  const { token, expiresAtMs } = context.gateway.tokens().apps.issue('entry', pass);
  const url = addressOf(pass, path, token);
  return { ticket: { url, expiresAt: expiresAtMs }, app: shapeApp(answer.value.app) };
}

async function start(
  context: GatewayContext,
  found: RunningKernel,
  { app, arguments: given, environ }: Asked,
): Promise<Result<AppAnswer, Rejection>> {
  const { session, kernel } = found;
  await noteUse(context.gateway, visitorOf(context, session), {
    kind: 'app-started',
    app,
    arguments: Object.keys(given),
    environ: Object.keys(environ),
  });
  return ask(context, found, {
    kind: 'app-start',
    kernel,
    app,
    options: { arguments: given, environ },
    basePath: appPath({ session, app }),
  });
}

function ask(
  { gateway, signal }: GatewayContext,
  { node }: RunningKernel,
  request: AppRequest,
): Promise<Result<AppAnswer, Rejection>> {
  return askKernel(gateway, { node, request }, AppAnswer, signal);
}

function refusalOfOpening({
  name,
  protocol,
  isAnswering,
  ports,
}: AppReport): Rejection | undefined {
  const [port] = ports;
  switch (protocol) {
    case 'internal':
      return {
        code: 'app-not-http',
        message: `${name} is no page: it is reached by ${name === 'terminal' ? 'orrery shell' : 'orrery ssh'}`,
        field: 'app',
      };
    case 'tcp':
    case 'vnc':
    case 'rdp':
      return {
        code: 'app-not-http',
        message: `${name} speaks ${protocol} and no HTTP: forward its port ${port}`,
        field: 'app',
      };
    case 'preopen':
      return isAnswering
        ? undefined
        : {
            code: 'app-not-answering',
            message: `nothing listens at the port ${port}`,
            field: 'app',
          };
    case 'http':
      return undefined;
  }
}

function payloadOf(answer: Result<AppAnswer, Rejection>): object {
  if (!answer.ok) return refused(answer.error);
  const { app, hasChanged } = answer.value;
  return { app: shapeApp(app), hasChanged };
}

function shapeApp({ protocol, source, state, lastEnd, ...app }: AppReport): object {
  return {
    ...app,
    protocol: toEnum(protocol),
    source: toEnum(source),
    state: toEnum(state),
    lastEnd: lastEnd ?? null,
  };
}

function refused(rejection: Rejection): object {
  return { rejection };
}
