import {
  type Bus,
  type CommandEnvelope,
  createLogger,
  createMemoryBroker,
  imageId,
  type Outcome,
  SimulatedClock,
} from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { imageAggregate } from '../../../../actors/image/aggregate.ts';
import type { AnyAggregate } from '../../../../actors/runtime/aggregate.ts';
import { type Host, startHost } from '../../../../actors/runtime/host.ts';
import { collect } from '../../../contract/bus/harness.ts';

const LEASE_MS = 2_000;
const PARTITIONS = 8;
const IMAGES = 32;
const logger = createLogger({ name: 'test', level: 'silent' });

/** The next version: its events have a new field, and there is one of a new type. */
const newer: AnyAggregate = {
  ...imageAggregate,
  knows: () => true,
  decide: (state, command, circumstances) => {
    const decision = imageAggregate.decide(state, command, circumstances);
    if (!decision.ok || decision.value.events.length === 0) return decision;
    const events: readonly { readonly type: string }[] = decision.value.events;
    const marked = events.map((event) => ({ ...event, colour: 'blue' }));
    return { ok: true, value: { events: [...marked, { type: 'image-painted' }] } };
  },
  apply: (state, event) =>
    event.type === 'image-painted' ? { state, effects: [] } : imageAggregate.apply(state, event),
};

/** The version after that changes the shape of what is written. */
const reshaped: AnyAggregate = {
  ...imageAggregate,
  schemaVersion: imageAggregate.schemaVersion + 1,
};

/** The next version without its new event: only the new field. */
const widened: AnyAggregate = {
  ...imageAggregate,
  decide: (state, command, circumstances) => {
    const decision = imageAggregate.decide(state, command, circumstances);
    if (!decision.ok) return decision;
    const events: readonly { readonly type: string }[] = decision.value.events;
    return { ok: true, value: { events: events.map((event) => ({ ...event, colour: 'blue' })) } };
  },
};

class Stage {
  readonly clock = new SimulatedClock(1_700_000_000_000);
  readonly broker = createMemoryBroker({ clock: this.clock, partitions: PARTITIONS });
  readonly bus: Bus = this.broker.connect();
  #sent = 0;

  start(name: string, aggregate: AnyAggregate): { readonly host: Host; leave(): void } {
    const stop = new AbortController();
    const bus = this.broker.connect();
    const options = { bus, clock: this.clock, logger, aggregates: [aggregate], name };
    const host = startHost({ ...options, leaseMs: LEASE_MS }, stop.signal);
    return { host, leave: () => stop.abort() };
  }

  /** Answers by image, as they come. */
  send(type: 'register' | 'forget', answers: Map<string, Outcome>): void {
    for (let index = 0; index < IMAGES; index++) {
      const reference = `hub/image-${index}:1`;
      this.#sent += 1;
      const envelope: CommandEnvelope = {
        id: `command-${this.#sent}`,
        aggregate: 'image',
        aggregateId: imageId(reference),
        actor: { kind: 'user', id: 'test' },
        sentAtMs: this.clock.nowMs(),
        command: type === 'register' ? { type, reference } : { type },
      };
      void this.bus.inbox
        .request(envelope, new AbortController().signal)
        .then((outcome) => answers.set(reference, outcome));
    }
  }

  async assertWhole(commitsEach: number): Promise<void> {
    for (let index = 0; index < IMAGES; index++) {
      const commits = await collect(this.bus.log.read('image', imageId(`hub/image-${index}:1`)));
      assert.is(commits.length, commitsEach);
      assert.equal(
        commits.map(({ previousHash }) => previousHash),
        ['', ...commits.slice(0, -1).map(({ hash }) => hash)],
      );
    }
    assert.is(await this.bus.setAside.count(), 0);
  }
}

const upgrade = suite('rolling upgrade: hosts of two versions side by side');

upgrade('a field more disturbs nobody', async () => {
  const stage = new Stage();
  const [old, next] = [stage.start('old', imageAggregate), stage.start('next', widened)];
  await stage.clock.advance(100);
  const registered = new Map<string, Outcome>();
  stage.send('register', registered);
  await stage.clock.advance(1_000);
  next.leave();
  await stage.clock.advance(1_000);
  const forgotten = new Map<string, Outcome>();
  stage.send('forget', forgotten);
  await stage.clock.advance(1_000);
  assert.is(old.host.resignation(), undefined);
  assert.equal([registered.size, forgotten.size], [IMAGES, IMAGES]);
  assert.ok([...forgotten.values()].every(({ ok }) => ok));
  await stage.assertWhole(2);
});

upgrade(
  'a host that meets an event it does not know leaves its work to those that do',
  async () => {
    const stage = new Stage();
    const first = stage.start('next', newer);
    await stage.clock.advance(100);
    stage.send('register', new Map());
    await stage.clock.advance(1_000);
    const old = stage.start('old', imageAggregate);
    await stage.clock.advance(1_000);
    assert.ok(old.host.duties().length > 0);
    const forgotten = new Map<string, Outcome>();
    stage.send('forget', forgotten);
    await stage.clock.advance(10_000);
    assert.match(
      old.host.resignation() ?? '',
      /holds image-painted, which this host does not know/,
    );
    assert.equal(old.host.duties(), []);
    assert.is(first.host.duties().length, PARTITIONS);
    assert.is(forgotten.size, IMAGES);
    assert.ok([...forgotten.values()].every(({ ok }) => ok));
    await stage.assertWhole(2);
  },
);

upgrade('where nobody knows it, what is about it waits, and the rest goes on', async () => {
  const stage = new Stage();
  const first = stage.start('next', newer);
  await stage.clock.advance(100);
  stage.send('register', new Map());
  await stage.clock.advance(1_000);
  first.leave();
  const old = stage.start('old', imageAggregate);
  await stage.clock.advance(LEASE_MS);
  const forgotten = new Map<string, Outcome>();
  stage.send('forget', forgotten);
  await stage.clock.advance(60_000);
  assert.is(forgotten.size, 0);
  assert.is(old.host.duties().length, PARTITIONS);
  await stage.assertWhole(1);
  const second = stage.start('next', newer);
  await stage.clock.advance(20_000);
  assert.is(forgotten.size, IMAGES);
  assert.ok([...forgotten.values()].every(({ ok }) => ok));
  assert.is(second.host.duties().length, PARTITIONS);
  await stage.assertWhole(2);
});

upgrade('what is written in a newer schema is not folded by guesswork', async () => {
  const stage = new Stage();
  const next = stage.start('next', reshaped);
  await stage.clock.advance(100);
  stage.send('register', new Map());
  await stage.clock.advance(1_000);
  const old = stage.start('old', imageAggregate);
  await stage.clock.advance(1_000);
  stage.send('forget', new Map());
  await stage.clock.advance(10_000);
  assert.match(old.host.resignation() ?? '', /is written in schema 2, this host knows 1/);
  assert.is(next.host.duties().length, PARTITIONS);
  await stage.assertWhole(2);
});

upgrade.run();
