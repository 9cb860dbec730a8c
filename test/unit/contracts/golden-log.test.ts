import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { CommitSchema, contracts } from '@orrery/bus';
import { foldSession } from '@orrery/projections';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { aggregates } from '../../../actors/control/aggregates.ts';

/** What the sessions of the recording had come to, by name. */
const ENDS = {
  'ends-well': 'TERMINATED task-finished',
  'ends-badly': 'TERMINATED task-failed',
  'out-of-memory': 'TERMINATED out-of-memory',
  'cannot-start': 'ERROR',
  interactive: 'TERMINATED user-requested',
  forced: 'TERMINATED',
  'never-fits': 'CANCELLED user-requested',
};

const lines = readFileSync(new URL('../../golden/log-v1.ndjson', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line): { readonly subject: string; readonly body: string } => JSON.parse(line));
const commits = lines.map(({ body }, index) => ({
  ...CommitSchema.parse(JSON.parse(body)),
  sequence: index + 1,
  hash: createHash('sha256').update(body).digest('hex'),
}));

const log = suite('contracts: the recorded log of version 1');

log('every event is read by the contract of today', () => {
  for (const { aggregate, events } of commits) {
    for (const event of events)
      assert.ok(contracts[aggregate].event.safeParse(event).success, event.type);
  }
});

log('every aggregate takes its events in their order', () => {
  const states = new Map<string, unknown>();
  for (const { aggregate: name, aggregateId, events } of commits) {
    const aggregate = aggregates.find((one) => one.name === name);
    assert.ok(aggregate);
    for (const event of events) {
      const before = states.get(aggregateId) ?? aggregate?.initial(aggregateId);
      const applied = aggregate?.apply(before, event);
      assert.ok(applied, `${event.type} of ${name} ${aggregateId}`);
      states.set(aggregateId, applied?.state);
    }
  }
});

log('its sessions come to the ends they had', () => {
  const ids = new Set(
    commits
      .filter(({ aggregate }) => aggregate === 'session')
      .map(({ aggregateId }) => aggregateId),
  );
  const ends = [...ids].map((id) => {
    const session = foldSession(commits.filter(({ aggregateId }) => aggregateId === id))?.session;
    return [session?.name, `${session?.status} ${session?.statusInfo}`] as const;
  });
  assert.is(ends.length, Object.keys(ENDS).length);
  for (const [name, end] of Object.entries(ENDS)) {
    const found = ends.find(([one]) => one === name)?.[1] ?? 'missing';
    assert.ok(found.startsWith(end), `${name}: ${found}`);
  }
});

log('its hash chain is whole', () => {
  const newest = new Map<string, string>();
  for (const [index, { previousHash, hash }] of commits.entries()) {
    const subject = lines[index]?.subject ?? '';
    assert.is(previousHash, newest.get(subject) ?? '');
    newest.set(subject, hash);
  }
});

log.run();
