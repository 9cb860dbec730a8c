import { type Bus, type CommandEnvelope, createLogger, createMemoryBroker } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startHost } from '../../../../actors/runtime/host.ts';
import { sessionAggregate } from '../../../../actors/session/aggregate.ts';
import { SimulatedClock } from '../../../../bus/memory/simulated-clock.ts';
import { enqueue, sessionId, terminate } from '../session/session-under-test.ts';

const NOW_MS = 1_700_000_000_000;
/** After this time an aggregate that is under way has its alarm. */
const DELAY_MS = 2_000;

class Stage {
  readonly clock = new SimulatedClock(NOW_MS);
  readonly broker = createMemoryBroker({ clock: this.clock, partitions: 1 });
  readonly bus = this.broker.connect();
  readonly alarms: number[] = [];

  /** One host of sessions only; `crash` ends it in the middle of whatever it does. */
  start(canSet: () => boolean = () => true) {
    const bus = this.broker.connect();
    const stop = new AbortController();
    const set: Bus['alarms']['set'] = async (envelope, atMs) => {
      if (!canSet()) throw new Error('the disk is full');
      await bus.alarms.set(envelope, atMs);
      this.alarms.push(atMs);
    };
    const options = {
      bus: { ...bus, alarms: { ...bus.alarms, set } },
      clock: this.clock,
      logger: createLogger({ name: 'test', level: 'silent' }),
      aggregates: [sessionAggregate],
      name: 'a',
    };
    const host = startHost(options, stop.signal);
    host.done.catch(() => undefined);
    const crash = async (): Promise<void> => {
      await bus[Symbol.asyncDispose]();
      stop.abort();
    };
    return { host, stop, crash };
  }

  async send(command: CommandEnvelope['command'], id: string): Promise<void> {
    await this.bus.inbox.send({
      id,
      aggregate: 'session',
      aggregateId: sessionId,
      actor: { kind: 'user', id: 'test' },
      sentAtMs: this.clock.nowMs(),
      command,
    });
    await this.clock.advance(10);
  }

  checkpoint(): Promise<number> {
    return this.bus.inbox.checkpoint(0);
  }
}

const late = suite('late alarms: stored only for what is still under way');

late('a session that is over soon has none', async () => {
  const stage = new Stage();
  stage.start();
  await stage.clock.advance(100);
  await stage.send(enqueue(), 'create');
  await stage.send(terminate(), 'end');
  await stage.clock.advance(100_000);
  assert.equal(stage.alarms, []);
  assert.ok((await stage.checkpoint()) > 0);
});

late('a session that waits has one, which rings when it would have rung', async () => {
  const stage = new Stage();
  stage.start();
  await stage.clock.advance(100);
  await stage.send(enqueue(), 'create');
  await stage.clock.advance(DELAY_MS);
  assert.equal(stage.alarms, [NOW_MS + 100 + 300_000]);
});

late('until an alarm is stored the checkpoint stays before its command', async () => {
  const stage = new Stage();
  let canSet = false;
  stage.start(() => canSet);
  await stage.clock.advance(100);
  await stage.send(enqueue(), 'create');
  await stage.clock.advance(10_000);
  assert.is(await stage.checkpoint(), 0);
  canSet = true;
  await stage.clock.advance(10_000);
  assert.is(stage.alarms.length, 1);
  assert.ok((await stage.checkpoint()) > 0);
});

late('a host that comes after a crash sees to the alarm that was owed', async () => {
  const stage = new Stage();
  const first = stage.start();
  await stage.clock.advance(100);
  await stage.send(enqueue(), 'create');
  await first.crash();
  await stage.clock.advance(100);
  assert.equal(stage.alarms, []);
  stage.start();
  await stage.clock.advance(2 * DELAY_MS);
  assert.is(stage.alarms.length, 1);
});

late('a host that leaves in order stores what it owes, at once', async () => {
  const stage = new Stage();
  const { host, stop } = stage.start();
  await stage.clock.advance(100);
  await stage.send(enqueue(), 'create');
  stop.abort();
  await stage.clock.advance(10);
  await host.done;
  assert.is(stage.alarms.length, 1);
  assert.ok((await stage.checkpoint()) > 0);
});

late.run();
