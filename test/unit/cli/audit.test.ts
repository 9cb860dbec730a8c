import { Readable } from 'node:stream';
import { systemClock } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { FakeGateway, type Script } from '../client/fake-gateway.ts';
import { FakeState, fakeSession, SESSION_ID } from '../client/fake-state.ts';
import { orrery, type Printed, Profile, type Surroundings } from './command-line.ts';

const NOW_MS = Date.parse('2026-11-20T12:05:00.000Z');

type Call = (argv: readonly string[], around?: Surroundings) => Promise<Printed>;

async function against(script: Script, work: (call: Call, state: FakeState) => Promise<void>) {
  const state = new FakeState();
  await using gateway = await FakeGateway.start(state, script);
  await using profile = await Profile.write(gateway.endpoint);
  const clock = { nowMs: () => NOW_MS, sleep: systemClock.sleep };
  await work(
    (argv, around) => orrery(argv, { env: { ORRERY_PROFILE: profile.path }, clock, ...around }),
    state,
  );
}

const report = {
  isWhole: true,
  commits: 120,
  aggregates: 14,
  lastSequence: 120,
  witnessedSequence: 120,
  faults: [],
  hasMoreFaults: false,
  durationMs: 1_234,
};

const verifying = suite('cli: audit verify');

verifying('a whole log is told in one line, and ends with 0', async () => {
  const asked: unknown[] = [];
  const operations = {
    verifyAudit: (part: Record<string, unknown>) => {
      asked.push({ ...part });
      return report;
    },
  };
  await against({ operations }, async (call, state) => {
    state.add(fakeSession());
    assert.equal(await call(['audit', 'verify']), {
      exitCode: 0,
      stdout: 'Whole: 120 commits of 14 aggregates up to 120, in 1.2 s.\n',
      stderr: '',
    });
    await call(['audit', 'verify', '--aggregate', 'session:quiet-owl', '--since', '5m']);
    assert.is((await call(['audit', 'verify', '--since', 'noon'])).exitCode, 2);
    assert.equal(asked, [
      {},
      { entity: `session:${SESSION_ID}`, since: '2026-11-20T12:00:00.000Z' },
    ]);
  });
});

verifying('each fault is named with its place, and the end is 1', async () => {
  const fault = {
    kind: 'commit-missing',
    entity: 'session',
    entityId: SESSION_ID,
    revision: 14,
    sequence: 99,
    segment: null,
    message: 'It was recorded at sequence 99, and is not there.',
  };
  const broken = { ...report, isWhole: false, faults: [fault], hasMoreFaults: true };
  await against({ operations: { verifyAudit: () => broken } }, async (call) => {
    const told = await call(['audit', 'verify']);
    assert.is(told.exitCode, 1);
    assert.match(told.stdout, new RegExp(`commit-missing +session:${SESSION_ID} +14 +99 +It was`));
    assert.match(told.stdout, /\nThere are more\.\n$/);
    const json = await call(['audit', 'verify', '--json']);
    assert.equal(JSON.parse(json.stdout), broken);
  });
});

verifying.run();

const past = suite('cli: audit cluster');

past('shows sessions, agents and allocations as they were', async () => {
  const moment = {
    time: '2026-11-20T12:00:00.000Z',
    sequence: 77,
    sessionsByStatus: { RUNNING: 1, TERMINATED: 3 },
    agents: [
      {
        id: 'node-a',
        status: 'ALIVE',
        isSchedulable: false,
        driver: 'docker',
        architecture: 'x86_64',
        resourceGroup: 'default',
        version: '0.1.0',
        availableSlots: { cpu: '8' },
        occupiedSlots: { cpu: '0.5' },
      },
    ],
    allocations: [
      {
        agentId: 'node-a',
        sessionId: SESSION_ID,
        kernelId: SESSION_ID,
        attempt: 1,
        slots: { cpu: '0.5' },
      },
    ],
  };
  await against({ operations: { clusterAt: () => moment } }, async (call) => {
    const { stdout } = await call(['audit', 'cluster', '5m']);
    assert.match(stdout, /^Sessions +1 RUNNING, 3 TERMINATED$/m);
    assert.match(stdout, /^node-a +ALIVE, paused +cpu 0\.5\/8 +default$/m);
    assert.match(stdout, new RegExp(`^node-a +${SESSION_ID} +cpu 0\\.5$`, 'm'));
    const json = await call(['audit', 'cluster', '5m', '--json']);
    assert.equal(JSON.parse(json.stdout), moment);
    assert.is((await call(['audit', 'cluster', 'yesterday'])).exitCode, 2);
  });
});

past.run();

const SECOND_MS = 1_000;

function commit(sequence: number): object {
  const recordedAtMs = NOW_MS + sequence * SECOND_MS;
  return { sequence, hash: `h${sequence}`, recordedAtMs, aggregate: 'session', events: [] };
}

function ndjson(sequences: readonly number[]): string {
  return sequences.map((sequence) => `${JSON.stringify(commit(sequence))}\n`).join('');
}

const replaying = suite('cli: replay');

replaying('prints commits as lines of JSON and asks for the part that was named', async () => {
  const asked: unknown[] = [];
  const replay: Script['replay'] = (query) => {
    asked.push({ ...query });
    return ndjson([1, 2, 3]);
  };
  await against({ replay }, async (call, state) => {
    state.add(fakeSession());
    const argv = ['replay', '--from', '5m', '--to', '7', '--aggregate', 'session:quiet-owl'];
    const { stdout, stderr, exitCode } = await call([...argv, '--speed', 'max']);
    assert.equal([exitCode, stderr, stdout], [0, '', ndjson([1, 2, 3])]);
    const entity = `session:${SESSION_ID}`;
    assert.equal(asked, [{ from: '2026-11-20T12:00:00.000Z', to: '7', entity, after: '0' }]);
    assert.is((await call(['replay', '--from', 'noon'])).exitCode, 2);
    assert.is((await call(['replay', '--speed', '0'])).exitCode, 2);
  });
});

replaying('goes on behind the last commit when the gateway is cut, without double', async () => {
  const asked: string[] = [];
  const replay: Script['replay'] = ({ after = '' }, reply) => {
    asked.push(after);
    if (after !== '0') return ndjson([3, 4]);
    const cut = (async function* () {
      yield ndjson([1, 2]);
      throw new Error('the gateway is gone');
    })();
    return reply.send(Readable.from(cut, { objectMode: false }));
  };
  await against({ replay }, async (call) => {
    const { stdout } = await call(['replay', '--to', '4', '--speed', 'max']);
    assert.is(stdout, ndjson([1, 2, 3, 4]));
    assert.equal(asked, ['0', '2']);
  });
});

replaying('keeps the pace of the original, divided by the speed', async () => {
  await against({ replay: () => ndjson([1, 2, 4]) }, async (call) => {
    const waits: number[] = [];
    let nowMs = NOW_MS;
    const clock = {
      nowMs: () => nowMs,
      sleep: async (delayMs: number, signal?: AbortSignal) => {
        // A longer one is the deadline of a request.
        if (delayMs > 2 * SECOND_MS) return systemClock.sleep(delayMs, signal);
        waits.push(delayMs);
        nowMs += delayMs;
      },
    };
    await call(['replay', '--to', '4'], { clock });
    await call(['replay', '--to', '4', '--speed', '10'], { clock });
    assert.equal(waits, [1_000, 2_000, 100, 200]);
  });
});

replaying('a refusal is told as the gateway said it', async () => {
  const replay: Script['replay'] = (_query, reply) =>
    reply.code(403).send({ code: 'FORBIDDEN', msg: 'The role may not do this.' });
  await against({ replay }, async (call) => {
    const { exitCode, stderr } = await call(['replay', '--to', '4']);
    assert.equal([exitCode, stderr], [1, 'orrery: The role may not do this (FORBIDDEN)\n']);
  });
});

replaying.run();
