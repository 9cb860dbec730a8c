import type { Bus, Outcome, ReceivedCommand } from '@orrery/bus';
import * as assert from 'uvu/assert';
import { type BusHarness, busSuite, commandOf, freshId, within } from './harness.ts';

const TAKEN: Outcome = { ok: true, revision: 1, sequence: 1 };

export function askingContract(name: string, start: () => Promise<BusHarness>): void {
  const asking = busSuite(`${name}: asking past the inbox`, start);

  asking('reaches who listens, and leaves nothing in the inbox', async ({ bus, harness }) => {
    const other = await harness.connect();
    const id = freshId();
    await using listener = await listen(bus, id, (replyTo) => bus.inbox.reply(replyTo, TAKEN));
    const command = commandOf(id);
    const { signal } = new AbortController();
    assert.equal(await within(other.inbox.request(command, signal)), TAKEN);
    const [heard] = listener.heard;
    assert.is(heard?.sequence, 0);
    assert.equal({ ...heard?.envelope, replyTo: undefined }, { ...command, replyTo: undefined });
    await other.inbox.deliver(commandOf(id));
    assert.is(listener.heard.length, 2);
    assert.equal(await idsInInbox(bus, id), []);
    await other[Symbol.asyncDispose]();
  });

  asking('puts into the inbox what is declined', async ({ bus }) => {
    const id = freshId();
    await using _listener = await listen(bus, id, (replyTo) => bus.inbox.decline(replyTo));
    const command = commandOf(id);
    await within(bus.inbox.deliver(command));
    assert.equal(await idsInInbox(bus, id), [command.id]);
  });

  asking('puts into the inbox what nobody answers in time, once', async ({ bus }) => {
    const id = freshId();
    await using listener = await listen(bus, id, () => undefined);
    const command = commandOf(id);
    await within(bus.inbox.deliver(command));
    assert.is(listener.heard.length, 1);
    assert.equal(await idsInInbox(bus, id), [command.id]);
  });

  asking('puts into the inbox in its order what was asked before', async ({ bus }) => {
    const id = freshId();
    const gone = await listen(bus, id, () => undefined);
    const commands = [commandOf(id), commandOf(id), commandOf(id)];
    const [first, ...others] = commands.map((command) => bus.inbox.deliver(command));
    await gone[Symbol.asyncDispose]();
    await bus.flush();
    const last = commandOf(id);
    await within(Promise.all([bus.inbox.deliver(last), first, ...others]));
    assert.equal(
      await idsInInbox(bus, id),
      [...commands, last].map((command) => command.id),
    );
  });

  asking('puts what comes later behind what waits in the inbox', async ({ bus }) => {
    const id = freshId();
    let isDeaf = true;
    await using listener = await listen(bus, id, (replyTo) => {
      if (isDeaf) bus.inbox.decline(replyTo);
      else bus.inbox.reply(replyTo, TAKEN);
    });
    const commands = [commandOf(id), commandOf(id)];
    const stop = new AbortController();
    const asked = commands.map((command) => bus.inbox.request(command, stop.signal));
    const ended = Promise.allSettled(asked);
    const [first, second] = commands;
    await untilStored(bus, id, [first?.id ?? '', second?.id ?? '']);
    isDeaf = false;
    const third = commandOf(id);
    const late = bus.inbox.request(third, stop.signal).catch(() => undefined);
    await untilStored(bus, id, [first?.id ?? '', second?.id ?? '', third.id]);
    assert.is(listener.heard.length, 2);
    stop.abort(new Error('enough'));
    await Promise.all([ended, late]);
  });

  asking('puts into the inbox what is delivered while nobody listens', async ({ bus }) => {
    const id = freshId();
    const command = commandOf(id);
    await within(bus.inbox.deliver(command));
    assert.equal(await idsInInbox(bus, id), [command.id]);
  });

  asking('names the node as actor of what an agent asks', async ({ bus }) => {
    const id = freshId();
    await using listener = await listen(bus, id, (replyTo) => bus.inbox.reply(replyTo, TAKEN));
    const actor = { kind: 'agent' as const, id: 'node-1' };
    await within(bus.inbox.deliver(commandOf(id, { actor })));
    assert.equal(listener.heard[0]?.envelope.actor, actor);
  });

  asking('is answered by the reader of the inbox when who listens is gone', async ({ bus }) => {
    const id = freshId();
    const lane = bus.inbox.partitionOf('session', id);
    const listener = await listen(bus, id, () => undefined);
    const asked = bus.inbox.request(commandOf(id), new AbortController().signal);
    const stop = new AbortController();
    for await (const commands of bus.inbox.follow(lane, 0, stop.signal)) {
      const own = commands.find(({ envelope }) => envelope.aggregateId === id);
      if (own?.envelope.replyTo === undefined) continue;
      bus.inbox.reply(own.envelope.replyTo, TAKEN);
      break;
    }
    stop.abort();
    assert.equal(await within(asked), TAKEN);
    await listener[Symbol.asyncDispose]();
  });

  asking.run();
}

interface Listener extends AsyncDisposable {
  readonly heard: readonly ReceivedCommand[];
}

/** Listens to the lane of an aggregate; others of the same lane are declined. */
async function listen(bus: Bus, id: string, onAsked: (replyTo: string) => void): Promise<Listener> {
  const heard: ReceivedCommand[] = [];
  const stop = new AbortController();
  const listening = (async () => {
    for await (const batch of bus.inbox.listen(bus.inbox.partitionOf('session', id), stop.signal))
      for (const received of batch) {
        const { aggregateId, replyTo = '' } = received.envelope;
        if (aggregateId !== id) {
          bus.inbox.decline(replyTo);
          continue;
        }
        heard.push(received);
        onAsked(replyTo);
      }
  })();
  // The server knows of it then.
  await bus.flush();
  return {
    heard,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await listening;
    },
  };
}

/** Ids of the commands to an aggregate that lie in its inbox, by one that is sent behind them. */
async function idsInInbox(bus: Bus, id: string): Promise<readonly string[]> {
  const last = commandOf(id);
  await bus.inbox.send(last);
  const stop = new AbortController();
  const ids: string[] = [];
  for await (const commands of bus.inbox.follow(
    bus.inbox.partitionOf('session', id),
    0,
    stop.signal,
  )) {
    for (const { envelope } of commands) if (envelope.aggregateId === id) ids.push(envelope.id);
    if (ids.includes(last.id)) break;
  }
  stop.abort();
  return ids.filter((one) => one !== last.id);
}

/** Resolves when exactly these lie in the inbox of an aggregate, in their order. */
async function untilStored(bus: Bus, id: string, wanted: readonly string[]): Promise<void> {
  const stop = new AbortController();
  const ids: string[] = [];
  const lane = bus.inbox.partitionOf('session', id);
  for await (const commands of bus.inbox.follow(lane, 0, stop.signal)) {
    for (const { envelope } of commands) if (envelope.aggregateId === id) ids.push(envelope.id);
    if (ids.length >= wanted.length) break;
  }
  stop.abort();
  assert.equal(ids, wanted);
}
