import type { ArchivedLog, Bus, Clock, Logger, Settings } from '@orrery/bus';
import type { KernelSeen, Projections, SessionRow } from '@orrery/projections';
import { LogReadings } from './audit/log-readings.ts';
import type { Administrator } from './auth/administrator.ts';
import { createIdentities, type Identities } from './auth/identities.ts';
import { type DerivedKeys, deriveKeys } from './auth/master-key.ts';
import { RequestRates } from './auth/request-rates.ts';
import { SeenSignatures } from './auth/seen-signatures.ts';
import { PasswordCheck } from './auth/sign-in.ts';
import { SignInGuard } from './auth/sign-in-guard.ts';
import { SigningKeys } from './auth/signing-keys.ts';
import type { Tokens } from './auth/tokens.ts';
import { type Commands, createCommands } from './commands/commands.ts';
import { Deadlines } from './commands/deadlines.ts';
import { GatheredRead } from './feed/gathered-read.ts';
import { LogFeed } from './feed/log-feed.ts';
import { OwnWrites } from './feed/own-writes.ts';
import { Progress } from './feed/progress.ts';
import { SessionFolds } from './feed/session-folds.ts';
import { type Catalogue, createCatalogue } from './graphql/images/catalogue.ts';
import { createGroupRules, type GroupRules } from './graphql/resource-groups/group-rules.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import { ExecTickets } from './sockets/exec-tickets.ts';
import { LiveStatistics } from './statistics/live-statistics.ts';

/** How sessions are reached over SSH. */
export interface SshAccess {
  /** Undefined: where the gateway is reached. */
  readonly host: string | undefined;
  readonly port: number;
  /** As in `known_hosts` after the name. */
  readonly hostKeys: readonly string[];
}

/** What the gateway stands on. */
export interface GatewayPorts {
  readonly bus: Pick<Bus, 'inbox' | 'live' | 'setAside'> & { readonly log: ArchivedLog };
  readonly projections: Projections;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly settings: Settings['gateway'];
  readonly administrator: Administrator | undefined;
  readonly version: string;
}

/** The ports and what this process keeps above them; resolvers and routes are given it. */
export interface Gateway extends GatewayPorts {
  readonly keys: DerivedKeys;
  readonly feed: LogFeed;
  readonly progress: Progress;
  readonly ownWrites: OwnWrites;
  /** For the feed to tell of a commit whose command was answered. */
  readonly feedDeadlines: Deadlines;
  /** For whole operations, a rebuild of the projections included. */
  readonly operationDeadlines: Deadlines;
  readonly folds: SessionFolds;
  /** Everybody's sessions and their kernels, by the session's id. */
  readonly sessionRows: GatheredRead<SessionRow>;
  readonly kernelRows: GatheredRead<readonly KernelSeen[]>;
  readonly commands: Commands;
  readonly identities: Identities;
  readonly signingKeys: SigningKeys;
  readonly signatures: SeenSignatures;
  readonly rates: RequestRates;
  readonly signIns: SignInGuard;
  readonly passwords: PasswordCheck;
  readonly catalogue: Catalogue;
  readonly groupRules: GroupRules;
  readonly tickets: ExecTickets;
  readonly metrics: Metrics;
  readonly readings: LogReadings;
  readonly statistics: LiveStatistics;
  readonly startedAtMs: number;
  /** There once the server is built. */
  tokens(): Tokens;
  useTokens(tokens: Tokens): void;
  /** Undefined: sessions are not reached over SSH. */
  sshAccess(): SshAccess | undefined;
  useSshAccess(access: SshAccess): void;
  /** Fires when the process closes. */
  readonly closing: AbortSignal;
}

/** @throws {SettingsInvalid} when the master key is none. */
export function createGateway(ports: GatewayPorts, closing: AbortSignal): Gateway {
  const { bus, projections, clock, logger, settings } = ports;
  const keys = deriveKeys(settings.masterKey);
  const feed = new LogFeed({ log: bus.log, clock, logger });
  const progress = new Progress({
    live: bus.live,
    checkpoint: () => projections.checkpoint(),
    clock,
    logger,
    closing,
  });
  const identities = createIdentities({ projections, feed, progress });
  const statistics = new LiveStatistics({ live: bus.live, clock, logger });
  let tokens: Tokens | undefined;
  let sshAccess: SshAccess | undefined;
  return {
    ...ports,
    keys,
    feed,
    progress,
    identities,
    ownWrites: new OwnWrites({ log: bus.log, feed, progress, clock, logger }),
    ...createDeadlines(clock, closing),
    folds: new SessionFolds(bus.log),
    sessionRows: new GatheredRead(async (ids) => {
      const rows = await projections.sessionsByIds(ids, { kind: 'all' });
      return new Map(rows.map((row) => [row.id, row]));
    }),
    kernelRows: new GatheredRead<readonly KernelSeen[]>(async (ids) =>
      Map.groupBy(await projections.kernelsOfSessions(ids), ({ sessionId }) => sessionId),
    ),
    commands: createCommands({ inbox: bus.inbox, clock, closing }),
    signingKeys: new SigningKeys(keys.secretSealing),
    signatures: new SeenSignatures(),
    rates: new RequestRates(),
    signIns: new SignInGuard(clock),
    passwords: new PasswordCheck(identities),
    catalogue: createCatalogue({ projections, feed, progress, configured: settings.defaultImage }),
    groupRules: createGroupRules({ projections, feed, progress }),
    tickets: new ExecTickets(clock),
    metrics: createMetrics({ feed, progress, statistics }),
    readings: new LogReadings(),
    statistics,
    startedAtMs: clock.nowMs(),
    tokens() {
      if (tokens === undefined) throw new Error('the server is not built yet');
      return tokens;
    },
    useTokens(built) {
      tokens = built;
    },
    sshAccess: () => sshAccess,
    useSshAccess(access) {
      sshAccess = access;
    },
    closing,
  };
}

/** How long the feed may take to tell of a commit that is there, before it is read. Milliseconds. */
const FEED_MS_MAX = 2_000;
/** How long an operation may take. Milliseconds. */
const OPERATION_MS_MAX = 30 * 60 * 1000;

function createDeadlines(
  clock: Clock,
  closing: AbortSignal,
): Pick<Gateway, 'feedDeadlines' | 'operationDeadlines'> {
  const reason = (): Error => new DOMException('the operation took too long', 'TimeoutError');
  const parts = { clock, closing, reason };
  return {
    feedDeadlines: new Deadlines({ ...parts, afterMs: FEED_MS_MAX, periodMs: 500 }),
    operationDeadlines: new Deadlines({ ...parts, afterMs: OPERATION_MS_MAX, periodMs: 60_000 }),
  };
}
