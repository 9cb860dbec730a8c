import { randomUUID } from 'node:crypto';
import type { AddressInfo, Socket } from 'node:net';
import websocket from '@fastify/websocket';
import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import mercurius from 'mercurius';
import type { WebSocket } from 'ws';
import { signature } from '../../../gateway/auth/signing.ts';
import { readSchemaText } from '../../../gateway/graphql/schema.ts';
import { type FakeState, noSuchSession, sessionOf } from './fake-state.ts';

export const ACCESS_KEY = 'AKIAORRERYTEST000001';
export const SECRET_KEY = 'oR2xq9ExampleSecretKeyForOrreryTests0000';

const schema = readSchemaText();

type Resolver = (arguments_: Record<string, unknown>) => unknown;

/** What a test may replace: the resolvers of single operations, and the program behind exec. */
export interface Script {
  readonly operations?: Readonly<Record<string, Resolver>>;
  readonly exec?: (socket: WebSocket) => void;
  /** Answers `GET /replay`. */
  readonly replay?: (query: Readonly<Record<string, string>>, reply: FastifyReply) => unknown;
}

/** A gateway in this process: real HTTP, WebSocket and schema, scripted answers. */
export class FakeGateway implements AsyncDisposable {
  readonly state: FakeState;
  readonly requests: string[] = [];
  readonly #script: Script;
  readonly #sockets = new Set<Socket>();
  readonly #tokens = new Set<string>();
  #app: FastifyInstance | undefined;
  #port = 0;

  private constructor(state: FakeState, script: Script) {
    this.state = state;
    this.#script = script;
  }

  static async start(state: FakeState, script: Script = {}): Promise<FakeGateway> {
    const gateway = new FakeGateway(state, script);
    await gateway.listen();
    return gateway;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Opens the port again that it had. */
  async listen(): Promise<void> {
    const app = Fastify();
    this.#app = app;
    app.server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    });
    app.addHook('onRequest', async (request) => {
      this.requests.push(`${request.method} ${request.url}`);
    });
    app.post('/auth/token', async (request, reply) => {
      const expected = signature(SECRET_KEY, {
        method: request.method,
        target: request.url,
        date: String(request.headers.date),
        host: String(request.headers.host),
        contentType: request.headers['content-type'],
        version: String(request.headers['x-backendai-version']),
      });
      if (!request.headers.authorization?.endsWith(`credential=${ACCESS_KEY}:${expected}`)) {
        return reply.code(401).send({ code: 'auth-failed', message: 'the signature is wrong' });
      }
      const token = randomUUID();
      this.#tokens.add(token);
      return { token, expiresAt: '2099-01-01T00:00:00.000Z' };
    });
    app.get<{ Querystring: Record<string, string> }>('/replay', async (request, reply) =>
      this.#script.replay?.(request.query, reply),
    );
    await app.register(websocket);
    app.get('/exec', { websocket: true }, (socket) => this.#script.exec?.(socket));
    await app.register(mercurius, {
      schema,
      resolvers: {
        Query: this.#fields(QUERIES),
        Mutation: this.#fields(MUTATIONS),
        ...this.#live(),
      },
      context: (request) => {
        const [, token] = (request.headers.authorization ?? '').split(' ');
        return { isKnown: this.#tokens.has(token ?? '') };
      },
      subscription: {
        onConnect: ({ payload }: { payload?: { token?: string } }) =>
          this.#tokens.has(payload?.token ?? '') && { isKnown: true },
      },
      errorFormatter: (execution) => ({ statusCode: 200, response: { ...execution, data: null } }),
    });
    await app.listen({ host: '127.0.0.1', port: this.#port });
    const { port } = app.server.address() as AddressInfo;
    this.#port = port;
  }

  /** Destroys every open connection, as a kill of the process does. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async stop(): Promise<void> {
    const app = this.#app;
    this.#app = undefined;
    this.cut();
    await app?.close();
  }

  /** Stops, forgets every token and opens the same port again. */
  async restart(): Promise<void> {
    await this.stop();
    this.#tokens.clear();
    await this.listen();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #fields(names: readonly string[]): Record<string, (...parts: never[]) => unknown> {
    const scripted = { ...this.state.operations, ...this.#script.operations };
    return Object.fromEntries(
      names.map((name) => [
        name,
        (_: unknown, given: Record<string, unknown>, context: { readonly isKnown?: boolean }) => {
          if (name !== 'signIn' && context.isKnown !== true) {
            throw new mercurius.ErrorWithProps('sign in first', { code: 'UNAUTHENTICATED' });
          }
          this.requests.push(name);
          const resolve = scripted[name];
          if (resolve === undefined) throw new Error(`${name} is not scripted`);
          return resolve(given);
        },
      ]),
    );
  }

  #live() {
    const { state } = this;
    return {
      Subscription: {
        sessionEvents: {
          subscribe: async function* (_: unknown, given: { id: string; fromRevision: number }) {
            for await (const sessionEvents of state.events(given.id, given.fromRevision)) {
              yield { sessionEvents };
            }
          },
        },
        sessionsChanged: {
          subscribe: async function* (_: unknown, given: { after?: string }) {
            for await (const sessionsChanged of state.changes(given.after)) {
              yield { sessionsChanged };
            }
          },
        },
        sessionLogs: {
          subscribe: (_: unknown, given: { id: string; offset: number; follow: boolean }) => {
            if (!state.sessions.has(given.id)) throw noSuchSession();
            sessionOf(state, given.id);
            return (async function* () {
              for await (const sessionLogs of state.logs(given)) yield { sessionLogs };
            })();
          },
        },
      },
    };
  }
}

const QUERIES = [
  'viewer',
  'status',
  'session',
  'sessions',
  'sessionAt',
  'agents',
  'images',
  'quotas',
  'usage',
  'auditLog',
  'verifyAudit',
  'clusterAt',
  'archive',
  'verifyArchive',
  'setAsideCommands',
  'resourcePresets',
  'checkPresets',
  'resourceGroups',
  'containerRegistries',
  'resourceGroup',
  'limits',
  'scheduleReplay',
  'fairShare',
  'sessionWhy',
];
const MUTATIONS = [
  'signIn',
  'createSession',
  'terminateSession',
  'terminateSessions',
  'setSessionPriority',
  'setAgentSchedulable',
  'drainAgent',
  'registerImage',
  'aliasImage',
  'dealiasImage',
  'forgetImage',
  'rescanImages',
  'createContainerRegistry',
  'modifyContainerRegistry',
  'deleteContainerRegistry',
  'execInSession',
  'rebuildProjections',
  'verifyProjections',
  'runArchive',
  'replaySetAsideCommand',
  'createResourcePreset',
  'setResourceGroup',
  'removeResourceGroup',
  'setLimits',
  'modifyResourcePreset',
  'deleteResourcePreset',
];
