import {
  type Bus,
  BusUnavailable,
  type CommandEnvelope,
  createLogger,
  createMemoryBroker,
  imageId,
  listSetAside,
  type MemoryBroker,
  type Outcome,
  replaySetAside,
  SimulatedClock,
} from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { imageAggregate } from '../../../../actors/image/aggregate.ts';
import type { AnyAggregate } from '../../../../actors/runtime/aggregate.ts';
import { type Host, startHost } from '../../../../actors/runtime/host.ts';
import { HostReplaced } from '../../../../actors/runtime/ownership.ts';

const LEASE_MS = 2_000;
const PARTITIONS = 8;
const REFERENCE = 'hub/image:1';
const logger = createLogger({ name: 'test', level: 'silent' });

interface Started {
  readonly host: Host;
  readonly bus: Bus;
  readonly stop: AbortController;
}

class Stage {
  readonly clock = new SimulatedClock(1_700_000_000_000);
  readonly broker: MemoryBroker = createMemoryBroker({
    clock: this.clock,
    partitions: PARTITIONS,
  });
  readonly bus = this.broker.connect();

  start(name: string, aggregates: readonly AnyAggregate[] = [imageAggregate]): Started {
    const bus = this.broker.connect();
    const stop = new AbortController();
    const options = { bus, clock: this.clock, logger, aggregates, name, leaseMs: LEASE_MS };
    const host = startHost(options, stop.signal);
    return { host, bus, stop };
  }

  async send(id: string, reference = REFERENCE): Promise<Outcome | undefined> {
    const envelope: CommandEnvelope = {
      id,
      aggregate: 'image',
      aggregateId: imageId(reference),
      actor: { kind: 'user', id: 'test' },
      sentAtMs: this.clock.nowMs(),
      command: { type: 'register', reference },
    };
    let outcome: Outcome | undefined;
    void this.bus.inbox.request(envelope, new AbortController().signal).then((answer) => {
      outcome = answer;
    });
    await this.clock.advance(1_000);
    return outcome;
  }
}

const hosts = suite('hosts: who does what when they come and go');

hosts('share all partitions, each held by one', async () => {
  const stage = new Stage();
  const [a, b, c] = ['a', 'b', 'c'].map((name) => stage.start(name));
  await stage.clock.advance(100);
  const held = [a, b, c].flatMap((each) => each?.host.duties() ?? []);
  assert.is(held.length, PARTITIONS);
  assert.is(new Set(held).size, PARTITIONS);
});

hosts('hand over at once when one leaves', async () => {
  const stage = new Stage();
  const [a, b] = [stage.start('a'), stage.start('b')];
  await stage.clock.advance(100);
  assert.ok(a.host.duties().length > 0 && b.host.duties().length > 0);
  a.stop.abort();
  await stage.clock.advance(10);
  assert.is(b.host.duties().length, PARTITIONS);
  await a.host.done;
});

hosts('take over from one that died when its leases have ended', async () => {
  const stage = new Stage();
  const [a, b] = [stage.start('a'), stage.start('b')];
  await stage.clock.advance(100);
  await a.bus[Symbol.asyncDispose]();
  a.stop.abort();
  await stage.clock.advance(LEASE_MS / 3);
  assert.ok(b.host.duties().length < PARTITIONS);
  await stage.clock.advance(LEASE_MS);
  assert.is(b.host.duties().length, PARTITIONS);
  assert.is((await stage.send('later'))?.ok, true);
});

hosts('take over at once from a dead process of their own name', async () => {
  const stage = new Stage();
  const first = stage.start('a');
  await stage.clock.advance(100);
  await first.bus[Symbol.asyncDispose]();
  first.stop.abort();
  const second = stage.start('a');
  await stage.clock.advance(10);
  assert.is(second.host.duties().length, PARTITIONS);
});

hosts('end when a later process bears their name', async () => {
  const stage = new Stage();
  const first = stage.start('a');
  const ended = first.host.done.catch((error: unknown) => error);
  await stage.clock.advance(100);
  const second = stage.start('a');
  await stage.clock.advance(LEASE_MS);
  assert.instance(await ended, HostReplaced);
  assert.equal(first.host.duties(), []);
  assert.is(second.host.duties().length, PARTITIONS);
});

hosts('do each further duty in one place', async () => {
  const stage = new Stage();
  let running = 0;
  const watch = async ({ signal }: { readonly signal: AbortSignal }): Promise<void> => {
    running += 1;
    await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    running -= 1;
  };
  const stops = ['a', 'b'].map((name) => {
    const { clock } = stage;
    const stop = new AbortController();
    const parts = { bus: stage.broker.connect(), clock, logger, aggregates: [], name };
    startHost({ ...parts, duties: { watch } }, stop.signal);
    return stop;
  });
  await stage.clock.advance(100);
  assert.is(running, 1);
  stops[0]?.abort();
  await stage.clock.advance(100);
  assert.is(running, 1);
  stops[1]?.abort();
  await stage.clock.advance(100);
  assert.is(running, 0);
});

hosts('try a duty that fails again with the next round, not at once', async () => {
  const stage = new Stage();
  let tries = 0;
  const fail = async (): Promise<void> => {
    tries += 1;
    throw new BusUnavailable('bear it');
  };
  const { clock } = stage;
  const parts = { bus: stage.broker.connect(), clock, logger, aggregates: [], leaseMs: LEASE_MS };
  const stop = new AbortController();
  const { done } = startHost({ ...parts, duties: { fail } }, stop.signal);
  await clock.advance(3 * LEASE_MS);
  assert.ok(tries >= 5 && tries <= 10, `${tries} tries`);
  stop.abort();
  await clock.advance(LEASE_MS);
  await done;
});

hosts.run();

const poison = suite('poison: a command that always throws');

/** An image aggregate that cannot bear one reference, until it is healed. */
function allergic(): { readonly aggregate: AnyAggregate; heal(): void } {
  let isIll = true;
  const aggregate: AnyAggregate = {
    ...imageAggregate,
    decide: (...args: Parameters<typeof imageAggregate.decide>) => {
      const [, command] = args;
      if (isIll && command.type === 'register' && command.reference === REFERENCE)
        throw new Error('cannot bear it');
      return imageAggregate.decide(...args);
    },
  };
  return {
    aggregate,
    heal: () => {
      isIll = false;
    },
  };
}

poison('is set aside, told, and stops nobody; replayed later, it is done', async () => {
  const stage = new Stage();
  const { aggregate, heal } = allergic();
  const { host } = stage.start('a', [aggregate]);
  await stage.clock.advance(100);
  const refused = await stage.send('poison');
  assert.is(refused?.ok === false && refused.error.code, 'command-set-aside');
  assert.is((await stage.send('harmless', 'hub/other:1'))?.ok, true);
  assert.is(host.counts.poisoned, 1);
  const [kept] = await listSetAside(stage.bus);
  assert.ok(kept);
  assert.is(kept.envelope.id, 'poison');
  assert.is(kept.tries, 3);
  assert.match(kept.error, 'cannot bear it');
  heal();
  assert.is(await replaySetAside(stage.bus, kept.id), true);
  await stage.clock.advance(1_000);
  assert.is(await stage.bus.setAside.count(), 0);
  const types: string[] = [];
  for await (const commit of stage.bus.log.read('image', imageId(REFERENCE)))
    types.push(...commit.events.map(({ type }) => type));
  assert.equal(types, ['image-registered']);
});

poison('is met again by a next host as set aside once', async () => {
  const stage = new Stage();
  const { aggregate } = allergic();
  const first = stage.start('a', [aggregate]);
  await stage.clock.advance(100);
  void stage.send('poison');
  await stage.clock.advance(500);
  await first.bus[Symbol.asyncDispose]();
  first.stop.abort();
  stage.start('a', [aggregate]);
  await stage.clock.advance(5_000);
  assert.is(await stage.bus.setAside.count(), 1);
});

poison.run();
