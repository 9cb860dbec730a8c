import { CommandEnvelopeSchema, type Commit, CommitSchema } from '@orrery/bus';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { isAccepted, isCommandEnvelope, isCommit } from '../../../bus/envelope-check.ts';
import { commandOf, commitOf } from '../../contract/bus/harness.ts';

const together: Commit = commitOf('a', {
  traceparent: '00-1-2-01',
  commands: [
    { id: 'a', type: 'queue', inboxSequence: 1 },
    { id: 'b', type: 'queue', inboxSequence: 2, actor: { kind: 'user', id: 'u' } },
  ],
});

const odd = fc.oneof(
  fc.constantFrom(undefined, null, '', 'a.b', -1, 0, 1, 1.5, 2 ** 60, [], {}, [{}], [{ type: 1 }]),
  fc.constantFrom('session', 'user', { kind: 'user', id: '' }, { kind: 'robot', id: 'r' }),
  fc.constantFrom([{ type: 'a', more: 1 }], [{ id: 'a', type: 'b', inboxSequence: -1 }]),
  fc.anything(),
);

/** The value with some of its fields replaced. */
function spoilt(value: object): fc.Arbitrary<unknown> {
  const fields = [...Object.keys(value), 'more', 'traceparent', 'commands', 'replyTo'];
  const changes = fc.dictionary(fc.constantFrom(...fields), odd, { maxKeys: 2 });
  return changes.map((changed) => JSON.parse(JSON.stringify({ ...value, ...changed })));
}

const checks = suite('bus: checks by hand');

checks('take a commit when its schema does', () => {
  assert.ok(isCommit(together));
  const same = fc.property(
    spoilt(together),
    (value) => isCommit(value) === CommitSchema.safeParse(value).success,
  );
  fc.assert(same, { numRuns: 2_000 });
});

checks('take a command when its schema does', () => {
  const envelope = commandOf('a', { replyTo: 'r', traceparent: 't' });
  assert.ok(isCommandEnvelope(envelope));
  const same = fc.property(
    spoilt(envelope),
    (value) => isCommandEnvelope(value) === CommandEnvelopeSchema.safeParse(value).success,
  );
  fc.assert(same, { numRuns: 2_000 });
});

checks('take no outcome that lacks its place', () => {
  assert.ok(isAccepted({ ok: true, revision: 1, sequence: 1 }));
  assert.ok(isAccepted({ ok: true, revision: 1, sequence: 1, hasChanged: true }));
  assert.not(isAccepted({ ok: true, revision: 1 }));
  assert.not(isAccepted({ ok: false, error: { code: 'c', message: 'm' } }));
});

checks.run();
