import { type Bus, type Clock, createLogger, createMemoryBroker, systemClock } from '@orrery/bus';
import type { FastifyInstance } from 'fastify';
import { aggregates } from '../../../actors/control/aggregates.ts';
import { startHost } from '../../../actors/runtime/host.ts';
import { type Administrator, registerAdministrator } from '../../../gateway/auth/administrator.ts';
import { createGateway, type Gateway } from '../../../gateway/gateway.ts';
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

export async function startGateway(): Promise<GatewayFixture> {
  const logger = createLogger({ name: 'test', level: 'silent' });
  const closing = new AbortController();
  const clock = endingClock(closing.signal);
  const { signal } = closing;
  const broker = createMemoryBroker({ clock, partitions: 2 });
  const bus = broker.connect();
  const control = broker.connect();
  const host = startHost({ bus: control, clock, logger, aggregates }, signal);
  const projections = new MemoryProjections();
  const projecting = projections.run(broker.connect(), signal);
  const agent = new SimulatedAgent({ bus: broker.connect(), clock, logger });
  const working = agent.run(signal);
  const settings = { host: '127.0.0.1', port: 0, masterKey: MASTER_KEY };
  const gateway = createGateway(
    { bus, projections, clock, logger, settings, administrator, version: '0.1.0' },
    signal,
  );
  const { ended } = await gateway.feed.start(signal);
  const following = gateway.progress.run();
  const operations: string[] = [];
  const app = await buildServer(gateway, (operation) => operations.push(operation));
  await app.ready();
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
    async graphql(query, variables = {}, headers = { authorization: `Bearer ${token}` }) {
      const response = await app.inject({
        method: 'POST',
        url: '/graphql',
        headers,
        payload: { query, variables },
      });
      return { status: response.statusCode, body: response.json() };
    },
    async [Symbol.asyncDispose]() {
      await app.close();
      closing.abort();
      await Promise.allSettled([host.done, projecting, working, ended, following]);
    },
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
