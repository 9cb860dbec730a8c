import { randomUUID } from 'node:crypto';
import { type Clock, systemClock } from '@orrery/bus/clock';
import { type Credentials, createTokenSource, type TokenSource } from './credentials.ts';
import type { DocumentName } from './documents.ts';
import { type Endpoint, parseEndpoint } from './endpoint.ts';
import { type RefusalParts, ResponseUnexpected, SignInRefused } from './errors.ts';
import { type ExecChannel, openExecChannel } from './exec-channel.ts';
import { createGraphqlCaller, type GraphqlCaller } from './graphql.ts';
import { createHttpSender, type HttpSender } from './http.ts';
import type { LiveConnection } from './live-connection.ts';
import type {
  Agent,
  AuditEntry,
  AuditVerification,
  ClusterMoment,
  ClusterStatus,
  CreateSessionInput,
  ExecTicket,
  Image,
  LogChunk,
  Page,
  ProjectionReport,
  ReplayedCommit,
  Session,
  SessionChange,
  SessionEvent,
  SessionFilter,
  SessionOrder,
  SignIn,
  TerminateMode,
  User,
} from './model.ts';
import { Patience, type PatienceLimits } from './patience.ts';
import type { ReplayRange } from './replay-stream.ts';
import { refusalOf } from './response.ts';
import type { ResumablePlan } from './resume.ts';
import type { LogsPosition } from './streams.ts';

/** Rebuilding and verifying read the whole log. */
const WHOLE_LOG_MS_MAX = 30 * 60_000;
const DEFAULT_PATIENCE: PatienceLimits = { firstContactMs: 0, outageMs: 60_000 };

export type ConnectOptions = Credentials & {
  /** Such as `http://127.0.0.1:8090`. */
  readonly endpoint: string;
  /** How long outages are borne; none at the first contact and a minute afterwards when absent. */
  readonly patience?: PatienceLimits;
  readonly clock?: Clock;
};

export interface PageRequest {
  /** At most this many. */
  readonly first: number;
  /** Cursor of the last one seen. */
  readonly after?: string | undefined;
}

/** Nothing is sent before the first call. @throws {InputInvalid} when the endpoint is no URL. */
export function connect(options: ConnectOptions): OrreryClient {
  return new OrreryClient(options);
}

/**
 * One caller's way to a gateway. Calls are made again while the gateway is away, and streams go on
 * where they were cut; every method throws a `ClientError`, or the reason of the signal it was given.
 */
export class OrreryClient implements AsyncDisposable {
  readonly #clock: Clock;
  readonly #endpoint: Endpoint;
  readonly #patience: Patience;
  readonly #tokens: TokenSource;
  readonly #graphql: GraphqlCaller;
  #http: Promise<HttpSender> | undefined;
  #live: Promise<LiveConnection> | undefined;

  constructor(options: ConnectOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#endpoint = parseEndpoint(options.endpoint);
    this.#patience = new Patience(this.#clock, options.patience ?? DEFAULT_PATIENCE);
    const http = (): Promise<HttpSender> => {
      this.#http ??= createHttpSender(this.#endpoint, this.#clock);
      return this.#http;
    };
    this.#tokens = createTokenSource({
      credentials: options,
      endpoint: this.#endpoint,
      http,
      clock: this.#clock,
    });
    this.#graphql = createGraphqlCaller({ http, tokens: this.#tokens, patience: this.#patience });
  }

  get endpoint(): string {
    return this.#endpoint.url;
  }

  async viewer(signal?: AbortSignal): Promise<User> {
    return shaped(await this.#graphql.call({ operation: 'viewer', signal }));
  }

  async status(signal?: AbortSignal): Promise<ClusterStatus> {
    return shaped(await this.#graphql.call({ operation: 'status', signal }));
  }

  /** Undefined when there is none, or none that the caller may see. */
  async findSession(id: string, signal?: AbortSignal): Promise<Session | undefined> {
    const call = { operation: 'session', variables: { id }, signal } as const;
    return shaped<Session | null>(await this.#graphql.call(call)) ?? undefined;
  }

  async sessions(
    request: PageRequest & { readonly filter?: SessionFilter; readonly order?: SessionOrder },
    signal?: AbortSignal,
  ): Promise<Page<Session>> {
    const variables = { ...request };
    return shaped(await this.#graphql.call({ operation: 'sessions', variables, signal }));
  }

  /** The session as it was at that time (ISO 8601); undefined before it existed. */
  async sessionAt(id: string, time: string, signal?: AbortSignal): Promise<Session | undefined> {
    const call = { operation: 'sessionAt', variables: { id, time }, signal } as const;
    return shaped<Session | null>(await this.#graphql.call(call)) ?? undefined;
  }

  async agents(request: PageRequest, signal?: AbortSignal): Promise<Page<Agent>> {
    const variables = { ...request };
    return shaped(await this.#graphql.call({ operation: 'agents', variables, signal }));
  }

  async images(request: PageRequest, signal?: AbortSignal): Promise<Page<Image>> {
    const variables = { ...request };
    return shaped(await this.#graphql.call({ operation: 'images', variables, signal }));
  }

  /** `entity` such as `session:0190b0c8-…`; absent: the whole log. */
  async auditLog(
    request: PageRequest & { readonly entity?: string | undefined },
    signal?: AbortSignal,
  ): Promise<Page<AuditEntry>> {
    const variables = { ...request };
    return shaped(await this.#graphql.call({ operation: 'auditLog', variables, signal }));
  }

  /** `entity` such as `session:0190b0c8-…`, `since` in ISO 8601; absent: the whole log. */
  async verifyAudit(
    part: { readonly entity?: string | undefined; readonly since?: string | undefined },
    signal?: AbortSignal,
  ): Promise<AuditVerification> {
    const deadlineMs = WHOLE_LOG_MS_MAX;
    const call = { operation: 'verifyAudit', variables: part, deadlineMs, signal } as const;
    return shaped(await this.#graphql.call(call));
  }

  /** The cluster as it was at that time (ISO 8601). */
  async clusterAt(time: string, signal?: AbortSignal): Promise<ClusterMoment> {
    const deadlineMs = WHOLE_LOG_MS_MAX;
    const call = { operation: 'clusterAt', variables: { time }, deadlineMs, signal } as const;
    return shaped(await this.#graphql.call(call));
  }

  /** Commits in the order of the log, each once; without `to` up to the newest there is now. */
  async *replay(
    range: Omit<ReplayRange, 'to'> & { readonly to?: string | undefined },
    signal?: AbortSignal,
  ): AsyncGenerator<ReplayedCommit, void> {
    const { replayCommits } = await import('./replay-stream.ts');
    const to = range.to ?? String((await this.status(signal)).logSequence);
    yield* replayCommits(
      { ...range, to },
      { endpoint: this.#endpoint, tokens: this.#tokens, patience: this.#patience, signal },
    );
  }

  async signIn(
    credentials: { readonly email: string; readonly password: string },
    signal?: AbortSignal,
  ): Promise<SignIn> {
    const call = { operation: 'signIn', variables: credentials, delivery: 'once', signal } as const;
    const payload = shaped<Nullable<SignIn> & Rejectable>(await this.#graphql.call(call));
    if (payload.rejection !== null) throw new SignInRefused(payload.rejection);
    const { token, expiresAt, user } = payload;
    return { token: given(token), expiresAt: given(expiresAt), user: given(user) };
  }

  /** Sent again when its answer is lost, and yet creates one session. `isCreated` tells which was so. */
  async createSession(
    input: CreateSessionInput,
    signal?: AbortSignal,
  ): Promise<{ readonly session: Session; readonly isCreated: boolean }> {
    const variables = { input: { ...input, idempotencyKey: input.idempotencyKey ?? randomUUID() } };
    const payload = accepted<{ session: Session | null; isCreated: boolean }>(
      await this.#graphql.call({ operation: 'createSession', variables, signal }),
    );
    return { session: given(payload.session), isCreated: payload.isCreated };
  }

  /** Accepted is not over: the session ends by and by, as its events tell. */
  async terminateSession(
    input: { readonly id: string; readonly mode: TerminateMode },
    signal?: AbortSignal,
  ): Promise<Session> {
    const call = { operation: 'terminateSession', variables: { input }, signal } as const;
    return given(accepted<{ session: Session | null }>(await this.#graphql.call(call)).session);
  }

  async registerImage(reference: string, signal?: AbortSignal): Promise<Image> {
    const variables = { input: { reference } };
    const payload = await this.#graphql.call({ operation: 'registerImage', variables, signal });
    return given(accepted<{ image: Image | null }>(payload).image);
  }

  /** Starts a program inside the session's main kernel. It is not started twice. */
  async exec(
    request: {
      readonly id: string;
      readonly command: readonly string[];
      readonly terminal?: { readonly columns: number; readonly rows: number } | undefined;
    },
    signal?: AbortSignal,
  ): Promise<ExecChannel> {
    const { id, command, terminal } = request;
    const variables = { id, command, hasTerminal: terminal !== undefined, ...terminal };
    const payload = await this.#graphql.call({ operation: 'execInSession', variables, signal });
    const { ticket } = accepted<{ ticket: ExecTicket | null }>(payload);
    return openExecChannel(this.#endpoint, given(ticket).url, signal);
  }

  async rebuildProjections(signal?: AbortSignal): Promise<ProjectionReport> {
    return this.#projections('rebuildProjections', signal);
  }

  async verifyProjections(signal?: AbortSignal): Promise<ProjectionReport> {
    return this.#projections('verifyProjections', signal);
  }

  /** Every event from `fromRevision` (default 1), once and in order; ends after the session's last. */
  async *sessionEvents(
    { id, fromRevision = 1 }: { readonly id: string; readonly fromRevision?: number },
    signal?: AbortSignal,
  ): AsyncGenerator<SessionEvent, void> {
    const { eventsPlan } = await import('./streams.ts');
    const find = (sessionId: string): Promise<Session | undefined> =>
      this.findSession(sessionId, signal);
    yield* this.#resume(eventsPlan({ id, fromRevision }, find), signal);
  }

  /** Every change from now, or after a cursor, once and in order, until the signal fires. */
  async *sessionsChanged(
    request: { readonly filter?: SessionFilter; readonly after?: string },
    signal?: AbortSignal,
  ): AsyncGenerator<SessionChange, void> {
    const { changesPlan } = await import('./streams.ts');
    // A cursor is a place in the log. Without a first one, what happens between a connection that is
    // cut before the first change and the next connection would be missed.
    const after = request.after ?? String((await this.status(signal)).logSequence);
    yield* this.#resume(changesPlan({ filter: request.filter, after }), signal);
  }

  /** The log of the session's main kernel from a byte offset, each byte once. */
  async *sessionLogs(position: LogsPosition, signal?: AbortSignal): AsyncGenerator<LogChunk, void> {
    const { logsPlan } = await import('./streams.ts');
    const find = (sessionId: string): Promise<Session | undefined> =>
      this.findSession(sessionId, signal);
    yield* this.#resume(logsPlan(position, find), signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const [http, live] = await Promise.all([this.#http, this.#live]);
    await live?.close();
    http?.[Symbol.dispose]();
  }

  async #projections(operation: DocumentName, signal?: AbortSignal): Promise<ProjectionReport> {
    const deadlineMs = WHOLE_LOG_MS_MAX;
    return shaped(await this.#graphql.call({ operation, deadlineMs, delivery: 'once', signal }));
  }

  async *#resume<Item>(
    plan: ResumablePlan<Item>,
    signal: AbortSignal | undefined,
  ): AsyncGenerator<Item, void> {
    const { resume } = await import('./resume.ts');
    this.#live ??= import('./live-connection.ts').then(({ createLiveConnection }) =>
      createLiveConnection({ endpoint: this.#endpoint, tokens: this.#tokens, clock: this.#clock }),
    );
    yield* resume(plan, {
      clock: this.#clock,
      live: await this.#live,
      patience: this.#patience,
      checkSignIn: () => this.viewer(signal),
      signal,
    });
  }
}

interface Rejectable {
  readonly rejection: RefusalParts | null;
}

type Nullable<Type> = { readonly [Key in keyof Type]: Type[Key] | null };

/**
 * The gateway serialises its answers by `schema.graphql`, and a test holds the documents and the types
 * of the model against it: parsing every answer a second time would only make a client slow to start.
 */
function shaped<Shape>(value: unknown): Shape {
  return value as Shape;
}

/** The payload of a mutation. @throws {OperationRefused} when it holds a rejection. */
function accepted<Payload>(value: unknown): Payload {
  const payload = shaped<Payload & Rejectable>(value);
  if (payload.rejection !== null) throw refusalOf(payload.rejection);
  return payload;
}

/** @throws {ResponseUnexpected} when the payload holds neither a result nor a rejection. */
function given<Value>(value: Value | null): Value {
  if (value === null) {
    throw new ResponseUnexpected('the answer holds neither a result nor a rejection');
  }
  return value;
}
