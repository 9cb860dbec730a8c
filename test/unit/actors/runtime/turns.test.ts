import {
  type Bus,
  BusUnavailable,
  type CommandEnvelope,
  createLogger,
  createMemoryBroker,
  derivedId,
  type MemoryBroker,
  type Outcome,
  type QueuedSession,
  type RecordedCommit,
  SCHEDULER_ID,
  type SchedulerCommand,
  SimulatedClock,
} from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { AnyAggregate } from '../../../../actors/runtime/aggregate.ts';
import { startHost } from '../../../../actors/runtime/host.ts';
import { schedulerAggregate } from '../../../../actors/scheduler/aggregate.ts';

const LEASE_MS = 2_000;
const ROUNDS_MAX = 1_000;
const logger = createLogger({ name: 'test', level: 'silent' });

const queuedOf = (name: string): QueuedSession => ({
  session: derivedId(name),
  attempt: 1,
  resourceGroup: 'default',
  clusterMode: 'single-node',
  priority: 10,
  owner: { userId: 'u', projectId: 'default', domain: 'default' },
  kernels: [{ kernel: derivedId(name, 'kernel'), slots: { cpu: '1', mem: '1' } }],
});

const queue = (name: string): SchedulerCommand => ({ type: 'queue', queued: queuedOf(name) });

const joined: Extract<SchedulerCommand, { type: 'update-node' }> = {
  type: 'update-node',
  capacity: {
    node: 'node-a',
    resourceGroup: 'default',
    architecture: 'x86_64',
    slots: { cpu: '1000', mem: '1000' },
    isSchedulable: true,
  },
};

/** A scheduler that refuses, or cannot bear, sessions of certain names. */
function schedulerThat(options: {
  readonly refuses?: string;
  readonly cannotBear?: string;
  readonly padding?: string;
}): AnyAggregate {
  const { refuses, cannotBear, padding } = options;
  const nameOf = (command: SchedulerCommand): string =>
    command.type === 'queue' ? command.queued.session : '';
  const decide: typeof schedulerAggregate.decide = (state, command, circumstances) => {
    if (cannotBear !== undefined && nameOf(command) === derivedId(cannotBear))
      throw new Error('cannot bear it');
    if (refuses !== undefined && nameOf(command) === derivedId(refuses))
      return { ok: false, error: { code: 'unwanted', message: 'not this one' } };
    const decision = schedulerAggregate.decide(state, command, circumstances);
    if (padding === undefined || !decision.ok) return decision;
    const events = decision.value.events.map((event) => ({ ...event, padding }));
    return { ok: true, value: { ...decision.value, events } };
  };
  return { ...schedulerAggregate, decide };
}

interface Answer {
  readonly name: string;
  outcome: Outcome | undefined;
}

class Stage {
  readonly clock = new SimulatedClock(1_700_000_000_000);
  readonly broker: MemoryBroker;
  readonly bus: Bus;
  /** Sessions that were told their place, once for each time. */
  readonly placed: string[] = [];

  constructor() {
    const { clock } = this;
    this.broker = createMemoryBroker({ clock, partitions: 2 });
    this.bus = this.broker.connect();
    for (let partition = 0; partition < this.bus.inbox.partitions; partition++)
      void this.#collect(partition);
  }

  start(aggregate: AnyAggregate, change: (bus: Bus) => Bus = (bus) => bus): { kill(): void } {
    const connection = this.broker.connect();
    const stop = new AbortController();
    const { clock } = this;
    const parts = { bus: change(connection), clock, logger, aggregates: [aggregate] };
    startHost({ ...parts, leaseMs: LEASE_MS }, stop.signal).done.catch(() => undefined);
    return {
      kill: () => {
        void connection[Symbol.asyncDispose]();
        stop.abort();
      },
    };
  }

  ask(name: string, command: unknown = queue(name)): Answer {
    const answer: Answer = { name, outcome: undefined };
    const envelope: CommandEnvelope = {
      id: name,
      aggregate: 'scheduler',
      aggregateId: SCHEDULER_ID,
      actor: { kind: 'system', id: 'test' },
      sentAtMs: this.clock.nowMs(),
      command,
    };
    this.bus.inbox.request(envelope, new AbortController().signal).then(
      (outcome) => {
        answer.outcome = outcome;
      },
      () => undefined,
    );
    return answer;
  }

  /** Lets time go on until the condition holds. */
  async until(holds: () => boolean | Promise<boolean>): Promise<void> {
    for (let rounds = 0; !(await holds()); rounds += 1) {
      if (rounds === ROUNDS_MAX) throw new Error('it did not come true in time');
      await this.clock.advance(100);
    }
  }

  async commits(): Promise<readonly RecordedCommit[]> {
    const commits: RecordedCommit[] = [];
    for await (const commit of this.bus.log.read('scheduler', SCHEDULER_ID)) commits.push(commit);
    return commits;
  }

  async #collect(partition: number): Promise<void> {
    const { signal } = new AbortController();
    for await (const batch of this.bus.inbox.follow(partition, 0, signal))
      for (const { envelope } of batch)
        if (envelope.aggregate === 'session') this.placed.push(envelope.aggregateId);
  }
}

const idsOf = ({ commandId, commands }: RecordedCommit): readonly string[] =>
  commands?.map(({ id }) => id) ?? [commandId];

const turns = suite('turns: many commands of one aggregate');

turns('are one commit, which names them, and one pass', async () => {
  const stage = new Stage();
  const answers = ['joined', 'a', 'b', 'c'].map((name) =>
    stage.ask(name, name === 'joined' ? joined : queue(name)),
  );
  await stage.clock.advance(10);
  stage.start(schedulerAggregate);
  await stage.clock.advance(5_000);
  const commits = await stage.commits();
  assert.equal(commits.map(idsOf), [['joined'], ['a', 'b', 'c']]);
  const [, together] = commits;
  assert.equal(
    together?.events.map(({ type }) => type),
    [
      'session-queued',
      'session-queued',
      'session-queued',
      'session-placed',
      'session-placed',
      'session-placed',
    ],
  );
  assert.is(together?.commandId, 'c');
  assert.ok(answers.every(({ outcome }) => outcome?.ok === true && outcome.hasChanged === true));
  assert.equal(stage.placed.toSorted(), ['a', 'b', 'c'].map((n) => derivedId(n)).toSorted());
});

turns('answer a refused, a malformed and a repeated one each by itself', async () => {
  const stage = new Stage();
  stage.ask('joined', joined);
  const answers = [
    stage.ask('a'),
    stage.ask('unwanted'),
    stage.ask('nonsense', { type: 'queue', queued: 'nonsense' }),
    stage.ask('a-again', queue('a')),
    stage.ask('b'),
  ];
  await stage.clock.advance(10);
  stage.start(schedulerThat({ refuses: 'unwanted' }));
  await stage.clock.advance(5_000);
  assert.equal((await stage.commits()).map(idsOf), [['joined'], ['a', 'b']]);
  assert.equal(
    answers.map(({ outcome }) => (outcome?.ok ? outcome.hasChanged : outcome?.error.code)),
    [true, 'unwanted', 'command-invalid', false, true],
  );
});

turns('set a poisonous one aside alone', async () => {
  const stage = new Stage();
  stage.ask('joined', joined);
  const answers = ['a', 'b', 'poison', 'c', 'd'].map((name) => stage.ask(name));
  await stage.clock.advance(10);
  stage.start(schedulerThat({ cannotBear: 'poison' }));
  await stage.clock.advance(20_000);
  assert.equal(
    answers.map(({ outcome }) => (outcome?.ok ? 'taken' : outcome?.error.code)),
    ['taken', 'taken', 'command-set-aside', 'taken', 'taken'],
  );
  assert.equal(
    (await stage.bus.setAside.list()).map(({ envelope }) => envelope.id),
    ['poison'],
  );
  assert.equal((await stage.commits()).flatMap(idsOf), ['joined', 'a', 'b', 'c', 'd']);
});

turns('are split when their commit would be too large', async () => {
  const stage = new Stage();
  stage.ask('joined', joined);
  for (let index = 0; index < 100; index++) stage.ask(`s${index}`);
  await stage.clock.advance(10);
  stage.start(schedulerThat({ padding: 'x'.repeat(10_000) }));
  await stage.clock.advance(10_000);
  const commits = await stage.commits();
  assert.is(commits.flatMap(idsOf).length, 101);
  assert.equal(
    commits.flatMap(idsOf).slice(1),
    Array.from({ length: 100 }, (_, index) => `s${index}`),
  );
  const sizes = commits.map((commit) => JSON.stringify(commit).length);
  assert.ok(Math.max(...sizes) < 520 * 1024, `${Math.max(...sizes)} characters`);
  assert.ok(commits.length < 20, `${commits.length} commits`);
});

turns('take no more than their bytes allow', async () => {
  const stage = new Stage();
  stage.ask('joined', joined);
  const environ = 'y'.repeat(20_000);
  for (let index = 0; index < 20; index++) {
    const queued = { ...queuedOf(`s${index}`), resourceGroup: environ };
    stage.ask(`s${index}`, { type: 'queue', queued });
  }
  await stage.clock.advance(10);
  stage.start(schedulerAggregate);
  await stage.clock.advance(5_000);
  const commits = await stage.commits();
  assert.is(commits.flatMap(idsOf).length, 21);
  assert.ok(commits.slice(1).every((commit) => idsOf(commit).length <= 6));
});

turns('are decided anew when another writer came first', async () => {
  const stage = new Stage();
  stage.ask('joined', joined);
  for (const name of ['a', 'b', 'c']) stage.ask(name);
  await stage.clock.advance(10);
  let isFirst = true;
  stage.start(schedulerAggregate, (bus) => ({
    ...bus,
    log: {
      ...bus.log,
      append: async (commit, expectedSequence) => {
        if (commit.commands !== undefined && isFirst) {
          isFirst = false;
          const { id, hash } = { id: 'intruder', hash: commit.previousHash };
          const { commands: _commands, ...plain } = commit;
          const events = [{ type: 'session-dequeued', session: derivedId('nobody') }];
          const other = {
            ...plain,
            id,
            commandId: id,
            inboxSequence: 1,
            previousHash: hash,
            events,
          };
          await bus.log.append(other, expectedSequence);
        }
        return bus.log.append(commit, expectedSequence);
      },
    },
  }));
  await stage.clock.advance(5_000);
  assert.equal((await stage.commits()).map(idsOf), [['joined'], ['intruder'], ['a', 'b', 'c']]);
  assert.is(new Set(stage.placed).size, 3);
});

turns('that were committed before a crash are said and answered by the next host', async () => {
  const stage = new Stage();
  stage.ask('joined', joined);
  const answers = ['a', 'b', 'c'].map((name) => stage.ask(name));
  await stage.clock.advance(10);
  const first = stage.start(schedulerAggregate, (bus) => ({
    ...bus,
    inbox: {
      ...bus.inbox,
      reply: () => undefined,
      send: () => Promise.reject(new BusUnavailable('send')),
    },
  }));
  await stage.clock.advance(1_000);
  first.kill();
  assert.equal((await stage.commits()).map(idsOf), [['joined'], ['a', 'b', 'c']]);
  assert.equal(stage.placed, []);
  stage.start(schedulerAggregate);
  await stage.clock.advance(10_000);
  assert.is((await stage.commits()).length, 2);
  assert.is(stage.placed.length, 3);
  assert.ok(answers.every(({ outcome }) => outcome?.ok === true && outcome.hasChanged === true));
});

turns('say what two commits say, of which nothing had been sent, once each', async () => {
  const stage = new Stage();
  stage.ask('joined', joined);
  stage.ask('a');
  await stage.clock.advance(10);
  const first = stage.start(schedulerAggregate, (bus) => ({
    ...bus,
    inbox: { ...bus.inbox, send: () => Promise.reject(new BusUnavailable('send')) },
  }));
  await stage.clock.advance(100);
  for (const name of ['b', 'c']) {
    stage.ask(name);
    await stage.clock.advance(100);
  }
  // Nothing follows the second commit before the messages of the first are sent.
  assert.equal((await stage.commits()).map(idsOf), [['joined'], ['a'], ['b']]);
  first.kill();
  stage.start(schedulerAggregate);
  await stage.clock.advance(10_000);
  assert.equal((await stage.commits()).flatMap(idsOf), ['joined', 'a', 'b', 'c']);
  assert.equal(stage.placed.toSorted(), ['a', 'b', 'c'].map((n) => derivedId(n)).toSorted());
});

/** A thousand and more wait in a closed node: what opens it leads to a pass of several commits. */
async function longPass(
  stage: Stage,
): Promise<{ readonly names: readonly string[]; open(): void }> {
  const closed = {
    ...joined.capacity,
    isSchedulable: false,
    slots: { cpu: '2000', mem: '2000' },
  };
  stage.ask('closed', { type: 'update-node', capacity: closed });
  const names = Array.from({ length: 1_200 }, (_, index) => `s${index}`);
  const waiting = names.map((name) => stage.ask(name));
  const filling = stage.start(schedulerAggregate);
  await stage.until(() => waiting.every(({ outcome }) => outcome?.ok === true));
  filling.kill();
  const capacity = { ...closed, isSchedulable: true };
  return { names, open: () => stage.ask('open', { type: 'update-node', capacity }) };
}

const LONG_PASS_COMMITS = 3;

turns('tell everybody what the several commits of one command say', async () => {
  const stage = new Stage();
  const { names, open } = await longPass(stage);
  stage.start(schedulerAggregate);
  open();
  await stage.until(() => stage.placed.length >= names.length);
  const commits = (await stage.commits()).filter((each) => idsOf(each).includes('open'));
  assert.is(commits.length, LONG_PASS_COMMITS);
  assert.equal(stage.placed.toSorted(), names.map((name) => derivedId(name)).toSorted());
});

turns('tell it, too, when the host is killed between these commits', async () => {
  const stage = new Stage();
  const { names, open } = await longPass(stage);
  const first = stage.start(schedulerAggregate, (bus) => ({
    ...bus,
    inbox: { ...bus.inbox, send: () => Promise.reject(new BusUnavailable('send')) },
  }));
  open();
  await stage.until(async () => (await stage.commits()).at(-1)?.commandId === 'open');
  first.kill();
  assert.equal(stage.placed, []);
  stage.start(schedulerAggregate);
  await stage.until(() => stage.placed.length >= names.length);
  assert.equal(stage.placed.toSorted(), names.map((name) => derivedId(name)).toSorted());
});

turns.run();
