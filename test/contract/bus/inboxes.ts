import { type Bus, Overloaded, type ReceivedCommand } from '@orrery/bus';
import * as assert from 'uvu/assert';
import { type BusHarness, busSuite, commandOf, freshId, take, until, within } from './harness.ts';

export function inboxContract(name: string, start: () => Promise<BusHarness>): void {
  const inbox = busSuite(`${name}: inbox`, start);

  inbox('delivers the commands of a lane in the order they were sent', async ({ bus }) => {
    const id = freshId();
    const sent = Array.from({ length: 20 }, () => commandOf(id));
    const received = await following(bus, id, sent.length, async () => {
      for (const command of sent) await bus.inbox.send(command);
    });
    assert.equal(
      received.map(({ envelope }) => envelope),
      sent,
    );
    const sequences = received.map(({ sequence }) => sequence);
    assert.equal(
      sequences,
      [...sequences].sort((a, b) => a - b),
    );
  });

  inbox('stores a command once when the same one is sent again', async ({ bus }) => {
    const id = freshId();
    const once = commandOf(id);
    const last = commandOf(id);
    const received = await following(bus, id, 2, async () => {
      await bus.inbox.send(once);
      await bus.inbox.send(once);
      await bus.inbox.send(last);
    });
    assert.equal(
      received.map(({ envelope }) => envelope.id),
      [once.id, last.id],
    );
  });

  inbox(
    'gives the same commands again after the same checkpoint, and none before it',
    async ({ bus }) => {
      const id = freshId();
      const lane = bus.inbox.partitionOf('session', id);
      const received = await following(bus, id, 6, async () => {
        for (let index = 0; index < 6; index++) await bus.inbox.send(commandOf(id));
      });
      const done = received[3];
      assert.ok(done);
      await bus.inbox.saveCheckpoint(lane, done.sequence);
      assert.is(await bus.inbox.checkpoint(lane), done.sequence);
      const stop = new AbortController();
      const again = await take(bus.inbox.follow(lane, 0, stop.signal), 2);
      stop.abort();
      assert.equal(again, received.slice(4));
    },
  );

  inbox('knows no checkpoint of a lane that has none', async ({ bus }) => {
    assert.is(await bus.inbox.checkpoint(bus.inbox.partitions), 0);
  });

  inbox('leaves the other lanes alone when one is purged', async ({ bus }) => {
    const [left, right] = idsOfTwoLanes(bus);
    const [kept] = await following(bus, right, 1, () => bus.inbox.send(commandOf(right)));
    assert.ok(kept);
    const [done] = await following(bus, left, 1, () => bus.inbox.send(commandOf(left)));
    assert.ok(done);
    await bus.inbox.saveCheckpoint(bus.inbox.partitionOf('session', left), done.sequence);
    const stop = new AbortController();
    const lane = bus.inbox.partitionOf('session', right);
    const again = await take(bus.inbox.follow(lane, kept.sequence - 1, stop.signal), 1);
    stop.abort();
    assert.equal(again, [kept]);
  });

  inbox('names the node as actor of what an agent sends', async ({ bus }) => {
    const id = freshId();
    const actor = { kind: 'agent' as const, id: 'node-1' };
    const [received] = await following(bus, id, 1, () => bus.inbox.send(commandOf(id, { actor })));
    assert.equal(received?.envelope.actor, actor);
  });

  inbox('delivers a command of the wrong shape as malformed', async ({ bus }) => {
    const id = freshId();
    const command = { type: 7 };
    const [received] = await following(bus, id, 1, () =>
      bus.inbox.send(commandOf(id, { command })),
    );
    assert.is(received?.envelope.aggregateId, id);
    assert.match(received?.malformed ?? '', 'command.type');
  });

  inbox('answers a request with the outcome that is replied', async ({ bus, harness }) => {
    const other = await harness.connect();
    const id = freshId();
    const stop = new AbortController();
    const lane = bus.inbox.partitionOf('session', id);
    const serving = (async () => {
      for await (const commands of bus.inbox.follow(lane, 0, stop.signal))
        for (const { envelope, sequence } of commands)
          if (envelope.replyTo !== undefined)
            bus.inbox.reply(
              envelope.replyTo,
              envelope.id.endsWith('refused')
                ? { ok: false, error: { code: 'no', message: 'No.', field: 'mode' } }
                : { ok: true, revision: 3, sequence },
            );
    })();
    const outcome = await within(other.inbox.request(commandOf(id), stop.signal));
    assert.is(outcome.ok, true);
    const refused = commandOf(id, { id: `${freshId()}-refused` });
    assert.equal(await within(other.inbox.request(refused, stop.signal)), {
      ok: false,
      error: { code: 'no', message: 'No.', field: 'mode' },
    });
    stop.abort();
    await within(serving);
    await other[Symbol.asyncDispose]();
  });

  inbox('gives up a request when its signal fires, and keeps the command', async ({ bus }) => {
    const id = freshId();
    const command = commandOf(id);
    const stop = new AbortController();
    const reason = new Error('enough');
    const [received] = await following(bus, id, 1, async () => {
      const asked = bus.inbox.request(command, stop.signal).catch((error: unknown) => error);
      const lane = bus.inbox.partitionOf('session', id);
      const seen = new AbortController();
      await take(onlyOf(bus.inbox.follow(lane, 0, seen.signal), id), 1);
      seen.abort();
      stop.abort(reason);
      assert.is(await within(asked), reason);
    });
    assert.is(received?.envelope.id, command.id);
  });

  inbox('puts an aggregate into the same lane always', ({ bus }) => {
    const id = freshId();
    const lane = bus.inbox.partitionOf('session', id);
    assert.is(bus.inbox.partitionOf('session', id), lane);
    assert.ok(lane >= 0 && lane < bus.inbox.partitions);
  });

  inbox.run();
}

/** `start` makes a bus in whose inboxes `commandsWaitingMax` commands may wait. */
export function overloadContract(
  name: string,
  start: () => Promise<BusHarness>,
  commandsWaitingMax: number,
): void {
  const overload = busSuite(`${name}: full inboxes`, start);

  overload('refuse users until commands are done, and nobody else ever', async ({ bus }) => {
    const id = freshId();
    const refused = async (): Promise<boolean> => {
      const error = await bus.inbox.send(commandOf(id)).catch((thrown: unknown) => thrown);
      if (error === undefined) return false;
      if (!(error instanceof Overloaded)) throw error;
      assert.is(error.isRetryable, true);
      assert.ok(error.retryAfterMs > 0);
      return true;
    };
    let accepted = 0;
    while (!(await refused())) accepted += 1;
    assert.ok(accepted >= commandsWaitingMax / 2 && accepted <= commandsWaitingMax);
    const asked = bus.inbox.request(commandOf(id), new AbortController().signal);
    assert.instance(await asked.catch((error: unknown) => error), Overloaded);
    for (const actor of [
      { kind: 'system' as const, id: 'control' },
      { kind: 'agent' as const, id: 'node-1' },
    ])
      await bus.inbox.send(commandOf(id, { actor }));
    const lane = bus.inbox.partitionOf('session', id);
    const stop = new AbortController();
    const received = await take(bus.inbox.follow(lane, 0, stop.signal), accepted + 2);
    stop.abort();
    assert.is(received.length, accepted + 2);
    await bus.inbox.saveCheckpoint(lane, received.at(-1)?.sequence ?? 0);
    await until(async () => !(await refused()));
  });

  overload('refuse users also while as many are asked past them', async ({ bus, harness }) => {
    const other = await harness.connect();
    const id = freshId();
    const stop = new AbortController();
    const lane = bus.inbox.partitionOf('session', id);
    const heard = take(bus.inbox.listen(lane, stop.signal), commandsWaitingMax / 2);
    await bus.flush();
    const asked = Array.from({ length: commandsWaitingMax * 2 }, () =>
      other.inbox.request(commandOf(id), stop.signal).catch((error: unknown) => error),
    );
    await heard;
    assert.instance(await Promise.race(asked), Overloaded);
    stop.abort(new Error('enough'));
    const errors = await Promise.all(asked);
    const refused = errors.filter((error) => error instanceof Overloaded).length;
    assert.ok(refused >= commandsWaitingMax && refused < asked.length, String(refused));
    await other[Symbol.asyncDispose]();
  });

  overload.run();
}

export function agentInboxContract(name: string, start: () => Promise<BusHarness>): void {
  const agents = busSuite(`${name}: agent inbox`, start);

  agents('delivers the wishes to one node in order, each once', async ({ bus }) => {
    const node = freshId();
    const stop = new AbortController();
    const followed = take(bus.agents.follow(node, 0, stop.signal), 3);
    const wish = { shall: 'run', revision: 1 };
    const first = { node, key: 'k1', id: freshId(), wish, traceparent: '00-aa-bb-01' };
    await bus.agents.send(first);
    await bus.agents.send(first);
    await bus.agents.send({ node: freshId(), key: 'k1', id: freshId(), wish: 'elsewhere' });
    await bus.agents.send({ node, key: 'k2', id: freshId(), wish: 2 });
    await bus.agents.send({ node, key: 'k1', id: freshId(), wish: 3 });
    const received = await followed;
    stop.abort();
    assert.equal(
      received.map((message) => message.wish),
      [wish, 2, 3],
    );
    assert.is(received[0]?.traceparent, '00-aa-bb-01');
  });

  agents('gives no wish again that lies behind the checkpoint', async ({ bus }) => {
    const node = freshId();
    assert.is(await bus.agents.checkpoint(node), 0);
    for (const wish of [1, 2, 3]) await bus.agents.send({ node, key: 'k', id: freshId(), wish });
    const stop = new AbortController();
    const [, second] = await take(bus.agents.follow(node, 0, stop.signal), 3);
    assert.ok(second);
    await bus.agents.saveCheckpoint(node, second.sequence);
    await bus.agents.sweep(node, second.sequence);
    assert.is(await bus.agents.checkpoint(node), second.sequence);
    const again = await take(bus.agents.follow(node, 0, stop.signal), 1);
    stop.abort();
    assert.equal(
      again.map(({ wish }) => wish),
      [3],
    );
  });

  agents.run();
}

/** The first commands to one aggregate, while `act` sends them. */
async function following(
  bus: Bus,
  id: string,
  count: number,
  act: () => Promise<void>,
): Promise<readonly ReceivedCommand[]> {
  const stop = new AbortController();
  const lane = bus.inbox.partitionOf('session', id);
  const received = take(onlyOf(bus.inbox.follow(lane, 0, stop.signal), id), count);
  await Promise.all([received, act()]);
  stop.abort();
  return received;
}

export async function* onlyOf(
  feed: AsyncIterable<readonly ReceivedCommand[]>,
  id: string,
): AsyncGenerator<readonly ReceivedCommand[]> {
  for await (const commands of feed)
    yield commands.filter(({ envelope }) => envelope.aggregateId === id);
}

function idsOfTwoLanes(bus: Bus): readonly [string, string] {
  const left = freshId();
  const lane = bus.inbox.partitionOf('session', left);
  for (;;) {
    const right = freshId();
    if (bus.inbox.partitionOf('session', right) !== lane) return [left, right];
  }
}
