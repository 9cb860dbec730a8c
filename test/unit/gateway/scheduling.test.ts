import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { createLogger, SCHEDULER_ID, type SchedulerEvent, systemClock } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type Answerer,
  QuestionRefused,
  serveQuestions,
} from '../../../actors/control/questions.ts';
import { fold } from '../../../actors/scheduler/fold.ts';
import { answer } from '../../../actors/scheduler/replay/answer.ts';
import { emptyState } from '../../../actors/scheduler/state.ts';
import { documents } from '../../../gateway/client/documents.ts';
import { startGateway } from './gateway-fixture.ts';
import { create, otherUser } from './session-calls.ts';

const fixture = await startGateway();
const { graphql, bus } = fixture;
const headers = await otherUser(fixture);
const SAMPLE = new URL('../../golden/workloads/sample.swf', import.meta.url);
const startedAtMs = Date.now();

/** In this thread, from the log of the fixture. */
const fromLog: Answerer = ({ question, trace }) => {
  const commits = () => bus.log.read('scheduler', SCHEDULER_ID);
  const state = async () => {
    const all = emptyState();
    for await (const { events } of commits())
      for (const event of events) fold(all, event as SchedulerEvent);
    return all;
  };
  return answer(question, { commits, state, nowMs: Date.now(), trace });
};
let answerer = fromLog;
const stop = new AbortController();
const serving = serveQuestions(
  {
    live: bus.live,
    clock: systemClock,
    logger: createLogger({ name: 'test', level: 'silent' }),
    answer: (asked, signal) => answerer(asked, signal),
  },
  stop.signal,
);

interface Payload {
  // biome-ignore lint/suspicious/noExplicitAny: answers of several shapes, looked at field by field
  readonly replay?: any;
  // biome-ignore lint/suspicious/noExplicitAny: likewise
  readonly standing?: any;
  readonly rejection: {
    readonly code: string;
    readonly field: string;
    readonly message: string;
  } | null;
}

async function ask(name: 'scheduleReplay' | 'fairShare', variables: object): Promise<Payload> {
  const { body } = await graphql(documents[name], variables);
  assert.is(body.errors, undefined, JSON.stringify(body.errors));
  return body.data?.[name] as Payload;
}

const replay = (input: object): Promise<Payload> => ask('scheduleReplay', { input });
const iso = (atMs: number): string => new Date(atMs).toISOString();
const period = () => ({ from: iso(startedAtMs - 1), to: iso(Date.now() + 1000) });

const scheduling = suite('gateway: what if');

scheduling.before(async () => {
  for (let index = 0; index < 12; index += 1) {
    const isBatch = index % 3 === 0;
    await create(fixture, {
      type: isBatch ? 'BATCH' : 'INTERACTIVE',
      cpu: '2',
      memory: '64m',
      ...(isBatch ? { command: ['true'] } : {}),
    });
  }
});

scheduling(
  'what was recorded comes again under its own policy, and otherwise under others',
  async () => {
    const policies = [
      { name: 'drf', scheduler: 'DRF' },
      { name: 'fair', scheduler: 'FAIR_SHARE', agentSelectionStrategy: 'CONCENTRATED' },
    ];
    const { replay: all, rejection } = await replay({ ...period(), policies });
    assert.is(rejection, null, rejection?.message);
    assert.is(all.resourceGroup, 'default');
    assert.ok(all.recordedPlacements >= 4, `${all.recordedPlacements} placements`);
    assert.is(all.samePlacements, all.recordedPlacements);
    assert.equal(
      all.columns.map((column: { name: string; isOwn: boolean }) => [column.name, column.isOwn]),
      [
        ['own', true],
        ['drf', false],
        ['fair', false],
      ],
    );
    for (const column of all.columns) {
      assert.is(column.placed, all.recordedPlacements);
      assert.is(column.wait.count, column.placed + column.waiting);
      assert.ok(column.utilisation.cpu > 0);
      assert.is(column.fairness, 1, 'there is one user');
    }
  },
);

scheduling('a trace runs under each policy on the nodes that are named', async () => {
  const trace = gzipSync(readFileSync(SAMPLE)).toString('base64');
  const policies = [{ name: 'fifo' }, { name: 'lifo', scheduler: 'LIFO' }];
  const workload = { trace, nodes: 8, slots: { cpu: '16', mem: '64g' } };
  const { replay: all, rejection } = await replay({ workload, policies });
  assert.is(rejection, null, rejection?.message);
  assert.is(all.recordedPlacements, null);
  assert.is(all.columns[0].placed + all.skippedJobs, 200);
  assert.not.equal(all.columns[0].wait, all.columns[1].wait);
});

scheduling('bad input is refused with its field', async () => {
  const good = period();
  const trace = (text: string): string => gzipSync(text).toString('base64');
  const workload = { trace: trace('x'), nodes: 1, slots: { cpu: '1' } };
  const cases: readonly (readonly [object, string, string])[] = [
    [{ to: good.to }, 'replay-invalid', 'from'],
    [{ from: good.from }, 'replay-invalid', 'to'],
    [{ from: good.from, to: good.from }, 'replay-invalid', 'to'],
    [{ from: good.to, to: good.from }, 'replay-invalid', 'from'],
    [{ from: iso(0), to: good.to }, 'replay-invalid', 'to'],
    [{ from: iso(Date.now() + 1e6), to: iso(Date.now() + 2e6) }, 'replay-invalid', 'from'],
    [{ from: iso(startedAtMs - 9e6), to: iso(startedAtMs - 8e6) }, 'replay-invalid', 'from'],
    [{ ...good, resourceGroup: 'nowhere' }, 'resource-group-unknown', 'resourceGroup'],
    [
      { ...good, policies: [{ name: 'x', pendingTimeoutSeconds: -1 }] },
      'resource-group-invalid',
      'policies.0.pendingTimeoutSeconds',
    ],
    [
      { ...good, policies: [{ name: 'x', agentSelectionStrategy: 'WEIGHTED' }] },
      'resource-group-invalid',
      'policies.weights',
    ],
    [{ ...good, policies: [{ name: 'x' }, { name: 'x' }] }, 'replay-invalid', 'policies.1.name'],
    [{ ...good, policies: Array(5).fill({ name: 'x' }) }, 'input-invalid', 'policies'],
    [{ ...good, workload }, 'replay-invalid', 'workload'],
    [{ workload }, 'replay-invalid', 'workload.trace'],
    [{ workload: { ...workload, trace: trace('; none\n') } }, 'replay-invalid', 'workload.trace'],
    [{ workload: { ...workload, nodes: 0 } }, 'input-invalid', 'workload.nodes'],
    [{ workload: { ...workload, slots: { mem: '1g' } } }, 'replay-invalid', 'workload.slots'],
    [{ workload: { ...workload, slots: { gpu: '1' } } }, 'replay-invalid', 'workload.slots.gpu'],
    [{ workload: { ...workload, slots: { cpu: 'x' } } }, 'replay-invalid', 'workload.slots.cpu'],
  ];
  for (const [input, code, field] of cases) {
    const { rejection } = await replay(input);
    assert.equal([rejection?.code, rejection?.field], [code, field], rejection?.message);
  }
  const { rejection } = await replay({ workload: { ...workload, trace: 'AAAA' } });
  assert.is(rejection?.code, 'question-failed');
  assert.match(rejection?.message ?? '', /not gzipped/);
});

scheduling('an option that there is not is refused by its name', async () => {
  const { body } = await graphql(documents.scheduleReplay, {
    input: { ...period(), policies: [{ name: 'x', sheduler: 'FIFO' }] },
  });
  assert.match(body.errors?.[0]?.message ?? '', /"sheduler"/);
});

scheduling('who used how much is told with factor and rank', async () => {
  const { standing, rejection } = await ask('fairShare', { resourceGroup: 'default' });
  assert.is(rejection, null);
  assert.is(standing.isInForce, false);
  assert.is(standing.halfLifeDays, 7);
  const kinds = standing.owners.map(({ kind }: { kind: string }) => kind);
  assert.equal(kinds, ['DOMAIN', 'PROJECT', 'USER']);
  for (const { rank, factor, weight, usedSlotSeconds } of standing.owners) {
    assert.is(rank, 1);
    assert.is(weight, 1);
    assert.ok(factor > 0 && factor < 1);
    assert.ok(usedSlotSeconds.cpu > 0 && usedSlotSeconds.mem > 0);
  }
  const unknown = await ask('fairShare', { resourceGroup: 'nowhere' });
  assert.is(unknown.rejection?.code, 'resource-group-unknown');
});

scheduling('how forecasts came out is told of each resource group, asked for once', async () => {
  const query = '{ resourceGroups { name forecastScore { count withinTwice errorP50Seconds } } }';
  const told = async () => {
    const { body } = await graphql(query);
    assert.is(body.errors, undefined, JSON.stringify(body.errors));
    return body.data?.['resourceGroups'];
  };
  assert.equal(await told(), [{ name: 'default', forecastScore: null }]);
  const score = { count: 9, withinTwice: 0.8, withinRange: 0.7, errorP50Ms: 1500, errorP95Ms: 9 };
  let questions = 0;
  answerer = ({ question }) => {
    questions += 1;
    assert.is(question.type, 'forecast-scores');
    return Promise.resolve({ type: 'forecast-scores', groups: [{ group: 'default', score }] });
  };
  const shown = { count: 9, withinTwice: 0.8, errorP50Seconds: 1.5 };
  assert.equal(await told(), [{ name: 'default', forecastScore: shown }]);
  assert.is(questions, 1);
  answerer = fromLog;
});

scheduling('both are for administrators only', async () => {
  for (const [name, variables] of [
    ['scheduleReplay', { input: period() }],
    ['fairShare', {}],
  ] as const) {
    const { body } = await graphql(documents[name], variables, headers);
    assert.is(body.errors?.[0]?.extensions['code'], 'FORBIDDEN');
  }
});

scheduling(
  'a third question at once is refused as too much, and one that fails says why',
  async () => {
    const free = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    let count = 0;
    answerer = async (asked, signal) => {
      count += 1;
      if (count === 2) begun.resolve();
      await free.promise;
      return fromLog(asked, signal);
    };
    const two = [ask('fairShare', {}), ask('fairShare', {})];
    await begun.promise;
    const { body } = await graphql(documents.fairShare, {});
    assert.is(body.errors?.[0]?.extensions['code'], 'OVERLOADED');
    free.resolve();
    await Promise.all(two);
    answerer = () =>
      Promise.reject(new QuestionRefused('scheduler.question-failed', 'its thread ended'));
    const { rejection } = await ask('fairShare', {});
    assert.equal([rejection?.code, rejection?.message], ['question-failed', 'its thread ended']);
    answerer = fromLog;
  },
);

scheduling.after(async () => {
  stop.abort();
  await serving;
  await fixture[Symbol.asyncDispose]();
});

scheduling.run();
