import { randomUUID } from 'node:crypto';
import { type Clock, systemClock } from '@orrery/bus/clock';
import { Administration } from './administration.ts';
import { Apps } from './apps.ts';
import type {
  ArchiveRun,
  ArchiveState,
  AuditEntry,
  AuditVerification,
  ReplayedCommit,
} from './audit-model.ts';
import { Code } from './code.ts';
import { type Credentials, createTokenSource, type TokenSource } from './credentials.ts';
import { Directory } from './directory.ts';
import type { DocumentName } from './documents.ts';
import { type Endpoint, parseEndpoint } from './endpoint.ts';
import { SignInRefused } from './errors.ts';
import { type ExecChannel, openExecChannel } from './exec-channel.ts';
import { Files } from './files.ts';
import { createGraphqlCaller, type GraphqlCaller } from './graphql.ts';
import { CONNECTIONS_MAX, createHttpSender, type HttpSender } from './http.ts';
import type { LiveConnection } from './live-connection.ts';
import { Machines } from './machines.ts';
import type {
  Agent,
  ClusterMoment,
  ClusterStatus,
  CreateSessionInput,
  ExecTicket,
  Image,
  LogChunk,
  Page,
  ProjectionReport,
  Session,
  SessionChange,
  SessionEvent,
  SessionFilter,
  SessionOrder,
  SetAsideCommand,
  SignIn,
  TerminatedSessions,
  TerminateMode,
  TerminateSessionsInput,
  User,
} from './model.ts';
import type { PageRequest } from './page-request.ts';
import { Patience, type PatienceLimits } from './patience.ts';
import { accepted, given, type Nullable, type Rejectable, shaped } from './payload.ts';
import { Registries } from './registries.ts';
import type { ReplayRange } from './replay-stream.ts';
import type { ResumablePlan } from './resume.ts';
import type { SessionWhy } from './session-why.ts';
import { Ssh } from './ssh.ts';
import type { KernelStatistics } from './statistics-model.ts';
import type { LogsPosition } from './streams.ts';
import { Terminals } from './terminals.ts';
import { Usages } from './usage.ts';

/** Rebuilding and verifying read the whole log. */
const WHOLE_LOG_MS_MAX = 30 * 60_000;
const DEFAULT_PATIENCE: PatienceLimits = { firstContactMs: 0, outageMs: 60_000 };

export type ConnectOptions = Credentials & {
  /** Such as `http://127.0.0.1:8090`. */
  readonly endpoint: string;
  /** How long outages are borne; none at the first contact and a minute afterwards when absent. */
  readonly patience?: PatienceLimits;
  /** For calls at the same time; 16 when absent. */
  readonly connectionsMax?: number;
  readonly clock?: Clock;
};

/** Nothing is sent before the first call. @throws {InputInvalid} when the endpoint is no URL. */
export function connect(options: ConnectOptions): OrreryClient {
  return new OrreryClient(options);
}

/**
 * One caller's way to a gateway. Calls are made again while the gateway is away, and streams go on
 * where they were cut; every method throws a `ClientError`, or the reason of the signal it was given.
 */
export class OrreryClient implements AsyncDisposable {
  readonly administration: Administration;
  readonly directory: Directory;
  readonly code: Code;
  readonly files: Files;
  readonly terminals: Terminals;
  readonly apps: Apps;
  readonly machines: Machines;
  readonly registries: Registries;
  readonly usages: Usages;
  readonly ssh: Ssh;
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
      const { connectionsMax = CONNECTIONS_MAX } = options;
      this.#http ??= createHttpSender(this.#endpoint, { clock: this.#clock, connectionsMax });
      return this.#http;
    };
    const ways = { endpoint: this.#endpoint, http, clock: this.#clock };
    this.#tokens = createTokenSource({ ...ways, credentials: options });
    this.#graphql = createGraphqlCaller({ http, tokens: this.#tokens, patience: this.#patience });
    this.administration = new Administration(this.#graphql);
    this.directory = new Directory(this.#graphql);
    this.code = new Code(this.#graphql);
    this.machines = new Machines(this.#graphql);
    this.registries = new Registries(this.#graphql);
    this.usages = new Usages(this.#graphql, (plan, signal) => this.#resume(plan, signal));
    const parts = { graphql: this.#graphql, endpoint: this.#endpoint, clock: this.#clock };
    this.ssh = new Ssh(parts);
    this.files = new Files({ ...parts, tokens: this.#tokens });
    this.apps = new Apps(parts);
    this.terminals = new Terminals({ ...parts, files: this.files, patience: this.#patience });
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
    credentials: { readonly email: string; readonly password: string; readonly otp?: string },
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

  /** Those named, or those of a filter that are not over: 10,000 at most, then `hasMore` is true. */
  async terminateSessions(
    input: TerminateSessionsInput,
    signal?: AbortSignal,
  ): Promise<TerminatedSessions> {
    const call = { operation: 'terminateSessions', variables: { input }, signal } as const;
    return accepted<TerminatedSessions>(await this.#graphql.call(call));
  }

  /** Undefined when there is none, or none that you may see. */
  async sessionWhy(id: string, signal?: AbortSignal): Promise<SessionWhy | undefined> {
    const call = { operation: 'sessionWhy', variables: { id }, signal } as const;
    return shaped<SessionWhy | null>(await this.#graphql.call(call)) ?? undefined;
  }

  /** Of a session that waits. */
  async setSessionPriority(
    input: { readonly id: string; readonly priority: number },
    signal?: AbortSignal,
  ): Promise<Session> {
    const call = { operation: 'setSessionPriority', variables: { input }, signal } as const;
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

  /** The archive with its newest `last` segments of a number lower than `before`. */
  async archive(
    range: { readonly last: number; readonly before?: number | undefined },
    signal?: AbortSignal,
  ): Promise<ArchiveState> {
    return shaped(await this.#graphql.call({ operation: 'archive', variables: range, signal }));
  }

  async verifyArchive(signal?: AbortSignal): Promise<AuditVerification> {
    const deadlineMs = WHOLE_LOG_MS_MAX;
    return shaped(await this.#graphql.call({ operation: 'verifyArchive', deadlineMs, signal }));
  }

  /** Archives what is over now; answers when that is asked for. */
  async runArchive(signal?: AbortSignal): Promise<ArchiveRun> {
    const payload = await this.#graphql.call({ operation: 'runArchive', signal });
    return given(accepted<{ run: ArchiveRun | null }>(payload).run);
  }

  async rebuildProjections(signal?: AbortSignal): Promise<ProjectionReport> {
    return this.#projections('rebuildProjections', signal);
  }

  async verifyProjections(signal?: AbortSignal): Promise<ProjectionReport> {
    return this.#projections('verifyProjections', signal);
  }

  /** Commands that failed whenever they were tried, the oldest first. */
  async setAsideCommands(signal?: AbortSignal): Promise<readonly SetAsideCommand[]> {
    return shaped(await this.#graphql.call({ operation: 'setAsideCommands', signal }));
  }

  /** Sends one of them again. @throws {OperationRefused} `set-aside-not-found` when there is none. */
  async replaySetAsideCommand(id: string, signal?: AbortSignal): Promise<SetAsideCommand> {
    const variables = { id };
    const call = {
      operation: 'replaySetAsideCommand',
      variables,
      delivery: 'once',
      signal,
    } as const;
    const payload = await this.#graphql.call(call);
    return given(accepted<{ command: SetAsideCommand | null }>(payload).command);
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

  /** What the session's kernels use, as it is measured; ends with the session. */
  async *sessionStatistics(
    id: string,
    signal?: AbortSignal,
  ): AsyncGenerator<KernelStatistics, void> {
    const { statisticsPlan } = await import('./streams.ts');
    const find = (sessionId: string): Promise<Session | undefined> =>
      this.findSession(sessionId, signal);
    yield* this.#resume(statisticsPlan(id, find), signal);
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
