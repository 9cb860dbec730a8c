import {
  type Bus,
  type Clock,
  createLogger,
  createMemoryBroker,
  type SegmentStore,
  systemClock,
  withArchive,
} from '@orrery/bus';
import type { FastifyInstance } from 'fastify';
import { aggregates } from '../../../actors/control/aggregates.ts';
import { startHost } from '../../../actors/runtime/host.ts';
import type { Faults } from '../../../bus/memory/faults.ts';
import { type Administrator, registerAdministrator } from '../../../gateway/auth/administrator.ts';
import { createGateway, type Gateway, type GatewayPorts } from '../../../gateway/gateway.ts';
import { BODY_LIMITS, type BodyLimits } from '../../../gateway/rest/body-deadlines.ts';
import { buildServer } from '../../../gateway/server.ts';
import { MemoryProjections } from './memory-projections.ts';
import { SimulatedAgent } from './simulated-agent.ts';

export const administrator: Administrator = {
  email: 'admin@example.test',
  username: 'admin',
  password: 'correct horse battery staple',
  accessKey: 'AKIAORRERYTEST000001',
  secretKey: 'oR2xq9ExampleSecretKeyForOrreryTests0000',
};

export const MASTER_KEY = Buffer.alloc(32, 7).toString('base64');

/** A gateway over the real deciders, all in one process and in memory. */
export interface GatewayFixture extends AsyncDisposable {
  readonly app: FastifyInstance;
  readonly gateway: Gateway;
  readonly bus: Bus;
  readonly projections: MemoryProjections;
  readonly agent: SimulatedAgent;
  readonly operations: readonly string[];
  /** Another gateway of the same cluster; ends with this one. */
  beside(): Promise<Pick<GatewayFixture, 'app' | 'graphql'>>;
  /** Base of its HTTP address, once it listens. */
  listen(): Promise<string>;
  /** POST /graphql as the administrator, or with other headers. */
  graphql(query: string, variables?: object, headers?: Record<string, string>): Promise<Answer>;
  readonly token: string;
}

export interface Answer {
  readonly status: number;
  readonly body: {
    readonly data?: Readonly<Record<string, unknown>> | null;
    readonly errors?: readonly {
      readonly message: string;
      readonly extensions: Readonly<Record<string, unknown>>;
    }[];
    readonly error_code?: string;
  };
}

/** `commandsWaitingMax`: above it users are refused. */
export async function startGateway(
  options: {
    readonly store?: SegmentStore;
    readonly commandsWaitingMax?: number;
    readonly faults?: Faults;
    readonly bodyLimits?: BodyLimits;
  } = {},
): Promise<GatewayFixture> {
  const logger = createLogger({ name: 'test', level: 'silent' });
  const closing = new AbortController();
  const clock = endingClock(closing.signal);
  const { signal } = closing;
  const { store, bodyLimits = BODY_LIMITS, ...limits } = options;
  const broker = createMemoryBroker({ clock, partitions: 2, ...limits });
  const connected = broker.connect();
  const bus = { ...connected, log: withArchive(connected.log, store) };
  const control = broker.connect();
  const host = startHost({ bus: control, clock, logger, aggregates }, signal);
  const projections = new MemoryProjections();
  const projecting = projections.run(broker.connect(), signal);
  const agent = new SimulatedAgent({ bus: broker.connect(), clock, logger });
  const working = agent.run(signal);
  const parts = { projections, clock, logger, signal, bodyLimits };
  const operations: string[] = [];
  const first = await serve(bus, parts, operations);
  const served = [first];
  const { app, gateway } = first;
  await registerAdministrator({ ...gateway, administrator }, signal);
  await agent.register();
  await gateway.progress.reached(await bus.log.lastSequence(), signal);
  const user = await projections.findUserByEmail(administrator.email);
  if (user === undefined) throw new Error('the administrator is not there');
  const { token } = gateway.tokens().issue({ userId: user.id, accessKey: undefined });
  return {
    app,
    gateway,
    bus,
    projections,
    agent,
    operations,
    token,
    listen: () => app.listen({ host: '127.0.0.1', port: 0 }),
    graphql: graphqlOver(app, token),
    async beside() {
      const connected = broker.connect();
      const besides = { ...connected, log: withArchive(connected.log, store) };
      const other = await serve(besides, parts, []);
      served.push(other);
      return { app: other.app, graphql: graphqlOver(other.app, token) };
    },
    async [Symbol.asyncDispose]() {
      for (const each of served) await each.app.close();
      closing.abort();
      const following = served.map((each) => each.following);
      await Promise.allSettled([host.done, projecting, working, ...following]);
    },
  };
}

interface Served {
  readonly app: FastifyInstance;
  readonly gateway: Gateway;
  readonly following: Promise<unknown>;
}

async function serve(
  bus: GatewayPorts['bus'],
  {
    signal,
    bodyLimits,
    ...ports
  }: Pick<Gateway, 'projections' | 'clock' | 'logger'> & {
    readonly signal: AbortSignal;
    readonly bodyLimits: BodyLimits;
  },
  operations: string[],
): Promise<Served> {
  const settings = { host: '127.0.0.1', port: 0, masterKey: MASTER_KEY };
  const version = '0.1.0';
  const gateway = createGateway({ ...ports, bus, settings, administrator, version }, signal);
  const { ended } = await gateway.feed.start(signal);
  const following = Promise.all([ended, gateway.progress.run()]);
  const app = await buildServer(gateway, {
    tellOperation: (operation) => operations.push(operation),
    bodyLimits,
  });
  await app.ready();
  return { app, gateway, following };
}

function graphqlOver(app: FastifyInstance, token: string): GatewayFixture['graphql'] {
  return async (query, variables = {}, headers = { authorization: `Bearer ${token}` }) => {
    const response = await app.inject({
      method: 'POST',
      url: '/graphql',
      headers,
      payload: { query, variables },
    });
    return { status: response.statusCode, body: response.json() };
  };
}

/** Real time whose sleepers are woken at the end, so that deadlines of minutes keep nothing alive. */
function endingClock(closing: AbortSignal): Clock {
  return {
    nowMs: () => systemClock.nowMs(),
    sleep: (delayMs, signal) =>
      systemClock.sleep(
        delayMs,
        signal === undefined ? closing : AbortSignal.any([signal, closing]),
      ),
  };
}
