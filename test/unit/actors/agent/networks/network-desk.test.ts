import { randomUUID } from 'node:crypto';
import { createLogger, type NetworkWish, SessionCommand } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { EngineUnavailable, NetworkFailed } from '../../../../../actors/agent/errors.ts';
import type {
  ClusterNetworks,
  MadeNetwork,
} from '../../../../../actors/agent/networks/cluster-networks.ts';
import { NetworkDesk } from '../../../../../actors/agent/networks/network-desk.ts';
import { SimulatedClock } from '../../../../../bus/memory/simulated-clock.ts';

const session = randomUUID();
const NAME = `bai-multinode-${session}`;

/** Networks that are only remembered, and fail as they are told to. */
class NetworksInMemory implements ClusterNetworks {
  readonly there = new Map<string, MadeNetwork>();
  failures: Error[] = [];
  isInUse = false;

  facts() {
    return Promise.resolve({ id: 'engine' });
  }
  async make(network: MadeNetwork): Promise<void> {
    await this.#next();
    this.there.set(network.name, network);
  }
  async remove(name: string): Promise<'gone' | 'in-use'> {
    await this.#next();
    if (this.isInUse) return 'in-use';
    this.there.delete(name);
    return 'gone';
  }
  list() {
    return Promise.resolve([...this.there.values()]);
  }
  #next(): Promise<void> {
    const failure = this.failures.shift();
    return failure === undefined ? Promise.resolve() : Promise.reject(failure);
  }
}

function benchOf(networks: NetworksInMemory | undefined = new NetworksInMemory()) {
  const clock = new SimulatedClock(1_000);
  const stop = new AbortController();
  const told: string[] = [];
  const ids: string[] = [];
  const finished: number[] = [];
  const desk = new NetworkDesk({
    networks,
    reporter: {
      tell: async ({ id, command: unparsed }) => {
        const command = SessionCommand.parse(unparsed);
        if (command.type !== 'report-network') throw new Error(command.type);
        const { name, report } = command;
        ids.push(id);
        told.push(`${name} ${report.state} ${'code' in report ? report.code : ''}`.trim());
      },
    },
    checkpoint: { begin: () => undefined, finish: (sequence) => void finished.push(sequence) },
    node: 'node-a',
    clock,
    logger: createLogger({ name: 'test', level: 'silent' }),
    signal: stop.signal,
  });
  const wish = (shall: NetworkWish['shall'], sequence: number): void =>
    desk.take({
      sequence,
      wish: { shall, revision: 1, session, network: { name: NAME, driver: 'overlay' } },
    });
  return { clock, stop, told, ids, finished, desk, wish };
}

const desk = suite('agent: networks that it is wished to have');

desk('a network is made, told of and removed, each wish in its turn', async () => {
  const networks = new NetworksInMemory();
  const { wish, told, finished, desk } = benchOf(networks);
  wish('have-network', 1);
  wish('drop-network', 2);
  await desk.allSettled();
  assert.equal(told, [`${NAME} ready`]);
  assert.equal([...networks.there.keys()], []);
  assert.equal(finished, [1, 2]);
});

desk('a wish that is met again leads to the same answer, once for whoever counts', async () => {
  const { wish, ids, desk } = benchOf();
  wish('have-network', 1);
  wish('have-network', 1);
  wish('have-network', 7);
  await desk.allSettled();
  assert.is(ids.length, 3);
  assert.is(new Set(ids).size, 2);
});

desk('an engine that is silent for a while is asked again, and then it is told', async () => {
  const networks = new NetworksInMemory();
  const { wish, told, desk, clock } = benchOf(networks);
  const silent = new EngineUnavailable('making a network', { cause: 'test' });
  networks.failures = [silent, silent];
  wish('have-network', 1);
  await clock.advance(2_000);
  await desk.allSettled();
  assert.equal(told, [`${NAME} ready`]);
  networks.failures = Array.from({ length: 100 }, () => silent);
  wish('have-network', 2);
  await clock.advance(30_000);
  await desk.allSettled();
  assert.is(told.at(-1), `${NAME} failed engine-unavailable`);
});

desk(
  'what the engine refuses is told with its reason, and so is a driver without networks',
  async () => {
    const networks = new NetworksInMemory();
    const refusing = benchOf(networks);
    networks.failures = [new NetworkFailed(NAME, 'no more addresses')];
    refusing.wish('have-network', 1);
    await refusing.desk.allSettled();
    assert.equal(refusing.told, [`${NAME} failed network-failed`]);
    const without = benchOf(undefined);
    without.wish('drop-network', 1);
    await without.desk.allSettled();
    assert.equal(without.finished, [1]);
  },
);

desk(
  'a network in use is removed when it is free, and does not keep the inbox for ever',
  async () => {
    const networks = new NetworksInMemory();
    const { wish, finished, desk, clock } = benchOf(networks);
    wish('have-network', 1);
    await desk.allSettled();
    networks.isInUse = true;
    wish('drop-network', 2);
    await clock.advance(10_000);
    assert.equal(finished, [1]);
    networks.isInUse = false;
    await clock.advance(6_000);
    await desk.allSettled();
    assert.is(networks.there.size, 0);
    wish('have-network', 3);
    await desk.allSettled();
    networks.isInUse = true;
    wish('drop-network', 4);
    await clock.advance(90_000);
    await desk.allSettled();
    assert.equal(finished, [1, 2, 3, 4]);
    assert.is(networks.there.size, 1);
  },
);

desk('the sweep tells of every network that is there, at the start and again later', async () => {
  const networks = new NetworksInMemory();
  networks.there.set(NAME, { name: NAME, session, driver: 'bridge' });
  const { told, desk, clock, stop } = benchOf(networks);
  const sweeping = desk.sweep();
  await clock.advance(1);
  assert.equal(told, [`${NAME} found`]);
  await clock.advance(300_000);
  assert.is(told.length, 2);
  stop.abort(new Error('the test ends'));
  await sweeping;
});

desk.run();
