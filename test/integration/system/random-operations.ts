import type { OrreryClient } from '../../../gateway/client/client.ts';
import { Random } from '../../simulation/random.ts';
import { answerOf, type Called, type NewUser } from '../../unit/gateway/directory-calls.ts';
import { submit } from '../gateway/cast.ts';

export interface Actor {
  readonly user: NewUser;
  readonly project: string;
  readonly domain: string;
}

interface Stage {
  readonly calls: Called;
  /** Of a superadmin. */
  readonly client: OrreryClient;
  readonly actors: readonly Actor[];
  readonly groups: readonly string[];
  readonly agents: readonly string[];
}

const TERMINATE = `mutation ($input: TerminateSessionInput!) {
  terminateSession(input: $input) { rejection { code } }
}`;
const PRIORITISE = `mutation ($input: SetSessionPriorityInput!) {
  setSessionPriority(input: $input) { rejection { code } }
}`;
/** Sessions that stay, so that there is always something to end. */
const KEPT = 100;

/** People who start, end and prioritise sessions, and administrators who change limits meanwhile. */
export class RandomOperations {
  readonly #stage: Stage;
  readonly #random: Random;
  readonly #live: { readonly id: string; readonly actor: Actor }[] = [];
  readonly done: Record<string, number> = {};

  constructor(stage: Stage, seed: number) {
    this.#stage = stage;
    this.#random = new Random(seed);
  }

  /** One of them, whichever it is. */
  async next(): Promise<void> {
    const dice = this.#random.between(1, 100);
    if (dice <= 20 || this.#live.length < KEPT) await this.#create();
    else if (dice <= 38) await this.#terminate();
    else if (dice <= 83) await this.#prioritise();
    else if (dice <= 97) await this.#limit();
    else await this.#cordon();
  }

  #note(name: string): void {
    this.done[name] = (this.done[name] ?? 0) + 1;
  }

  async #create(): Promise<void> {
    const actor = this.#random.pick(this.#stage.actors);
    const cpu = `${this.#random.between(0, 4)}.${this.#random.between(1, 999)}`;
    const input = {
      cpu,
      memory: `${this.#random.between(64, 4_096)}m`,
      resourceGroup: this.#random.pick(this.#stage.groups),
    };
    const id = await submit(this.#stage.calls, actor.user.headers, input);
    this.#live.push({ id, actor });
    this.#note('create');
  }

  #take(): { readonly id: string; readonly actor: Actor } | undefined {
    const at = this.#random.between(0, Math.max(0, this.#live.length - 1));
    return this.#live.splice(at, 1)[0];
  }

  async #terminate(): Promise<void> {
    const taken = this.#take();
    if (taken === undefined) return;
    const { id, actor } = taken;
    const mode = this.#random.pick(['GRACEFUL', 'FORCE']);
    await answerOf(this.#stage.calls, TERMINATE, { input: { id, mode } }, actor.user.headers);
    this.#note('terminate');
  }

  async #prioritise(): Promise<void> {
    const one = this.#random.pick(this.#live);
    const input = { id: one.id, priority: this.#random.between(0, 10) };
    await answerOf(this.#stage.calls, PRIORITISE, { input }, one.actor.user.headers);
    this.#note('prioritise');
  }

  async #limit(): Promise<void> {
    const { user, project, domain } = this.#random.pick(this.#stage.actors);
    const owner = this.#random.pick([
      { scope: 'USER', key: user.id },
      { scope: 'PROJECT', key: project },
      { scope: 'DOMAIN', key: domain },
      { scope: 'KEYPAIR', key: user.accessKey },
    ] as const);
    const cpu = String(this.#random.between(0, 60));
    const isLimited = this.#random.between(1, 4) > 1;
    const totalResourceSlots = isLimited ? { cpu, mem: '64g' } : { cpu: 'Infinity' };
    await this.#stage.client.administration.setLimits({ ...owner, totalResourceSlots });
    this.#note('limit');
  }

  async #cordon(): Promise<void> {
    const id = this.#random.pick(this.#stage.agents);
    const isSchedulable = this.#random.between(1, 3) > 1;
    await this.#stage.client.administration.setAgentSchedulable({ id, isSchedulable });
    this.#note('cordon');
  }

  /** Ends all that there is. */
  async endAll(): Promise<void> {
    await this.#stage.client.terminateSessions({
      ids: this.#live.map(({ id }) => id),
      mode: 'FORCE',
    });
  }
}
