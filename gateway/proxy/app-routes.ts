import { AppList, type AppReport } from '@orrery/bus';
import { LRUCache } from 'lru-cache';
import type { AppPass } from '../auth/app-passes.ts';
import { callerOf } from '../auth/authenticate.ts';
import { RequestFailed } from '../errors.ts';
import type { Gateway } from '../gateway.ts';
import { createLoaders } from '../graphql/loaders.ts';
import { askKernel } from '../inside/ask-kernel.ts';
import { findMainKernel, type RunningKernel } from '../inside/main-kernel.ts';

/** A permission that was taken away, or a session that has ended, is noticed this much later at most. */
export const PERMISSION_MS = 5_000;
const REPORT_MS = 60_000;
const KEPT_MAX = 10_000;

export interface AppRoute {
  readonly kernel: RunningKernel;
  readonly app: AppReport;
  readonly port: number;
}

/** Where the requests of those who were let in go; asked of the tables and the agents, and remembered for a while. */
export class AppRoutes {
  readonly #gateway: Gateway;
  readonly #kernels: LRUCache<string, Promise<RunningKernel>>;
  readonly #reports: LRUCache<string, Promise<AppReport>>;

  constructor(gateway: Gateway) {
    this.#gateway = gateway;
    const perf = { now: () => gateway.clock.nowMs() };
    this.#kernels = new LRUCache({ max: KEPT_MAX, ttl: PERMISSION_MS, perf });
    this.#reports = new LRUCache({ max: KEPT_MAX, ttl: REPORT_MS, perf });
  }

  /**
   * As the one who was let in may reach it now.
   * @throws {RequestFailed} `TICKET_INVALID` | `SESSION_NOT_FOUND` | `SESSION_NOT_RUNNING` | `APP_NOT_FOUND`
   */
  async find(pass: AppPass): Promise<AppRoute> {
    const kernel = await this.mayEnter(pass);
    const key = `${kernel.kernel} ${pass.app}`;
    const app = await remembered(this.#reports, key, () => this.#report(kernel, pass.app));
    return { kernel, app, port: app.ports[0] ?? 0 };
  }

  /** @throws {RequestFailed} when they may not any more, or there is nothing to enter. */
  mayEnter(pass: AppPass): Promise<RunningKernel> {
    const key = `${pass.userId} ${pass.session}`;
    return remembered(this.#kernels, key, () => this.#kernel(pass));
  }

  /** It is not as was remembered. */
  forget({ kernel, app }: AppRoute): void {
    this.#reports.delete(`${kernel.kernel} ${app.name}`);
  }

  async #kernel({ userId, session }: AppPass): Promise<RunningKernel> {
    const gateway = this.#gateway;
    const user = await gateway.identities.findUser(userId);
    if (user?.isActive !== true)
      throw new RequestFailed('TICKET_INVALID', 'Who was let into the app is not active any more.');
    const caller = callerOf(user, undefined);
    const signal = gateway.operationDeadlines.begin();
    const loaders = createLoaders(gateway, signal);
    const context = { gateway, caller, address: '', loaders, signal, traceparent: undefined };
    const found = await findMainKernel(context, 'Mutation.openApp', session);
    if (found.ok) return found.value;
    const { code, message } = found.error;
    throw new RequestFailed(
      code === 'session-not-found' ? 'SESSION_NOT_FOUND' : 'SESSION_NOT_RUNNING',
      message,
    );
  }

  async #report({ kernel, node }: RunningKernel, name: string): Promise<AppReport> {
    const signal = this.#gateway.operationDeadlines.begin();
    const request = { kind: 'app-list', kernel, named: name } as const;
    const answer = await askKernel(this.#gateway, { node, request }, AppList, signal);
    if (!answer.ok) throw new RequestFailed('APP_BROKEN', answer.error.message);
    const found = answer.value.apps.find((app) => app.name === name);
    if (found !== undefined) return found;
    throw new RequestFailed('APP_NOT_FOUND', `The session has no app ${name}.`);
  }
}

/** What failed is not remembered. */
function remembered<Value>(
  cache: LRUCache<string, Promise<Value>>,
  key: string,
  ask: () => Promise<Value>,
): Promise<Value> {
  const there = cache.get(key);
  if (there !== undefined) return there;
  const asked = ask();
  cache.set(key, asked);
  asked.catch(() => {
    if (cache.peek(key) === asked) cache.delete(key);
  });
  return asked;
}
