import { derivedId } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { decide } from '../../../../actors/session/decide.ts';
import { enqueue, requestOf, sessionAfter, sessionId } from './session-under-test.ts';

const asking = suite('session: asking twice under one id');

asking('the same request again is accepted without events, another one is refused', () => {
  const { state } = sessionAfter(enqueue());
  assert.equal(decide(state, enqueue(), { id: sessionId, revision: 0, nowMs: 0 }), {
    ok: true,
    value: { events: [] },
  });
  const other = decide(state, enqueue({ name: 'another' }), {
    id: sessionId,
    revision: 0,
    nowMs: 0,
  });
  assert.is(!other.ok && other.error.code, 'idempotency-key-reused');
});

asking(
  "somebody else's request under the same id is refused, and told nothing of the first",
  () => {
    const { owner } = requestOf();
    const secrets = { name: 'name-of-a', tag: 'tag-of-a', environ: { TOKEN: 'token-of-a' } };
    const { state } = sessionAfter(enqueue(secrets));
    const theirs = { ...owner, userId: derivedId('somebody else'), email: 'b@b.test' };
    for (const changes of [secrets, {}]) {
      const decision = decide(state, enqueue({ ...changes, owner: theirs }), {
        id: sessionId,
        revision: 1,
        nowMs: 0,
      });
      assert.is(!decision.ok && decision.error.code, 'idempotency-key-reused');
      assert.not.match(JSON.stringify(decision), /of-a|a@b\.test/);
    }
  },
);

asking.run();
