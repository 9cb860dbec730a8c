import type { SessionEvent } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startSystem } from '../environment/system.ts';

const SUBMISSIONS = 2_000;
const CONNECTIONS = 32;
const PAGE = 100;

const system = await startSystem(['--driver', 'simulated', '--simulated-nodes', '4']);
const { client } = system;

const killed = suite('kill -9 of everything');

killed(`${SUBMISSIONS} acknowledged submissions in: all of them are there afterwards`, async () => {
  const acknowledged = new Map<string, string>();
  const giveUp = new AbortController();
  const submit = async (worker: number): Promise<void> => {
    for (let count = 0; acknowledged.size < SUBMISSIONS; count++) {
      const name = `kept-${worker}-${count}`;
      const input = { name, idempotencyKey: name, cpu: '0.01', memory: '16m' };
      const { session } = await client.createSession(
        { ...input, type: 'INTERACTIVE' },
        giveUp.signal,
      );
      acknowledged.set(session.id, name);
    }
    // The first to have seen enough of them pulls the plug: the others are in the middle of theirs.
    killEverything();
    giveUp.abort(new Error('the plug is pulled'));
  };
  const ends = await Promise.allSettled(
    Array.from({ length: CONNECTIONS }, (_, worker) => submit(worker)),
  );
  assert.ok(acknowledged.size >= SUBMISSIONS, JSON.stringify(ends));
  await system.startAgain();
  const inLog = await namesInLog();
  const shown = await namesShown();
  const missing = [...acknowledged].filter(
    ([id, name]) => inLog.get(id) !== name || shown.get(id) !== name,
  );
  assert.equal(missing, []);
  const audit = await client.verifyAudit({});
  assert.ok(audit.isWhole, JSON.stringify(audit));
  const projections = await client.verifyProjections();
  assert.ok(projections.isEqual, JSON.stringify(projections));
});

let isKilled = false;

/** The supervisor first, or it would start the others again. */
function killEverything(): void {
  if (isKilled) return;
  isKilled = true;
  for (const pid of [system.supervisorPid(), ...Object.values(system.pids())])
    process.kill(pid, 'SIGKILL');
}

async function namesInLog(): Promise<ReadonlyMap<string, string>> {
  const names = new Map<string, string>();
  const newest = await system.bus.log.lastSequence();
  const stop = new AbortController();
  for await (const commits of system.bus.log.follow({ afterSequence: 0, signal: stop.signal })) {
    for (const { aggregate, aggregateId, events } of commits) {
      if (aggregate !== 'session') continue;
      for (const event of events as readonly SessionEvent[])
        if (event.type === 'session-enqueued') names.set(aggregateId, event.request.name);
    }
    if ((commits.at(-1)?.sequence ?? 0) >= newest) break;
  }
  stop.abort();
  return names;
}

async function namesShown(): Promise<ReadonlyMap<string, string>> {
  const names = new Map<string, string>();
  let after: string | undefined;
  do {
    const { edges, pageInfo } = await client.sessions({ first: PAGE, after });
    for (const { node } of edges) names.set(node.id, node.name);
    after = pageInfo.hasNextPage ? (pageInfo.endCursor ?? undefined) : undefined;
  } while (after !== undefined);
  return names;
}

killed.after(async () => {
  await system[Symbol.asyncDispose]();
});
killed.run();
