import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type GatewayFixture, startGateway } from './gateway-fixture.ts';
import { create, otherUser } from './session-calls.ts';

let fixture: GatewayFixture;
const DEADLINE_MS = 10_000;

const WHY = `query ($id: ID!) { sessionWhy(id: $id) {
  isWaiting code message checks { name } missingSlots agents { inGroup largeEnough } place
} }`;

interface Why {
  readonly isWaiting: boolean;
  readonly code: string | null;
  readonly checks: readonly { readonly name: string }[];
  readonly place: number | null;
}

async function whyOf(id: string | undefined, isTold: (why: Why) => boolean): Promise<Why> {
  const deadlineMs = performance.now() + DEADLINE_MS;
  for (;;) {
    const { body } = await fixture.graphql(WHY, { id });
    const why = body.data?.['sessionWhy'] as Why;
    if (isTold(why)) return why;
    if (performance.now() > deadlineMs) throw new Error(`it is told ${JSON.stringify(why)}`);
  }
}

const waiting = suite('gateway: why a session waits');

waiting.before(async () => {
  fixture = await startGateway();
});
waiting.after(async () => {
  await fixture[Symbol.asyncDispose]();
});

waiting('what lacks, on how many agents and where in the queue it stands are told', async () => {
  const { session } = await create(fixture, { designatedAgents: ['nobody'] });
  const why = await whyOf(session?.id, ({ code }) => code !== null);
  assert.is(why.isWaiting, true);
  assert.match(String(why.code), /never-fits|no-available-instances/);
  assert.is(typeof why.place, 'number');
});

waiting('a session that depends on another is held by that, and starts after it', async () => {
  const { session: first } = await create(fixture, {});
  const { session: second } = await create(fixture, { dependsOn: [first?.id] });
  const why = await whyOf(second?.id, ({ code }) => code !== null);
  assert.is(why.code, 'dependencies');
  assert.equal(why.checks, [{ name: 'dependencies' }]);
  await fixture.graphql(
    'mutation ($id: ID!) { terminateSession(input: { id: $id, mode: FORCE }) { rejection { code } } }',
    { id: first?.id },
  );
  await whyOf(second?.id, ({ isWaiting }) => !isWaiting);
});

waiting('a dependency that nobody has is refused', async () => {
  const { rejection } = await create(fixture, { dependsOn: ['nothing'] });
  assert.is(rejection?.code, 'dependency-unknown');
});

waiting('the priority of a session that waits is changed, and of no other', async () => {
  const { session } = await create(fixture, { designatedAgents: ['nobody'] });
  const change = `mutation ($id: ID!, $priority: Int!) {
    setSessionPriority(input: { id: $id, priority: $priority }) {
      session { priority } rejection { code }
    }
  }`;
  const changed = await fixture.graphql(change, { id: session?.id, priority: 90 });
  assert.equal(changed.body.data, {
    setSessionPriority: { session: { priority: 90 }, rejection: null },
  });
  const wrong = await fixture.graphql(change, { id: session?.id, priority: 101 });
  assert.equal(wrong.body.data, {
    setSessionPriority: { session: null, rejection: { code: 'priority-invalid' } },
  });
});

waiting("somebody else's session is not explained", async () => {
  const { session } = await create(fixture, { designatedAgents: ['nobody'] });
  const { body } = await fixture.graphql(WHY, { id: session?.id }, await otherUser(fixture));
  assert.equal(body.data, { sessionWhy: null });
});

waiting('an agent is cordoned and drained by a superadmin only', async () => {
  const cordon = `mutation { setAgentSchedulable(input: { id: "nobody", isSchedulable: false }) {
    agentId rejection { code }
  } }`;
  const { body } = await fixture.graphql(cordon);
  assert.equal(body.data, {
    setAgentSchedulable: { agentId: null, rejection: { code: 'node-unknown' } },
  });
  const refused = await fixture.graphql(cordon, {}, await otherUser(fixture));
  assert.is(refused.status, 403);
});

waiting.run();
