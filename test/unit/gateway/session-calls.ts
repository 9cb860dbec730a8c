import * as assert from 'uvu/assert';
import type { GatewayFixture } from './gateway-fixture.ts';

export const CREATE = `mutation ($input: CreateSessionInput!) {
  createSession(input: $input) {
    isCreated
    session { id name status owner { email } kernels { hostname image status } requestedSlots accessKey }
    rejection { code field message }
  }
}`;

export interface Created {
  readonly isCreated: boolean;
  readonly session: {
    readonly id: string;
    readonly name: string;
    readonly status: string;
    readonly owner: { readonly email: string };
    readonly kernels: readonly { readonly hostname: string }[];
  } | null;
  readonly rejection: { readonly code: string; readonly field: string | null } | null;
}

const END_MANY = `mutation ($input: TerminateSessionsInput!) {
  terminateSessions(input: $input) {
    sessionIds hasMore refused { sessionId rejection { code } } rejection { code field }
  }
}`;

interface EndedMany {
  readonly sessionIds: readonly string[];
  readonly hasMore: boolean;
  readonly refused: readonly {
    readonly sessionId: string;
    readonly rejection: { readonly code: string };
  }[];
  readonly rejection: { readonly code: string; readonly field: string | null } | null;
}

/** As the administrator unless somebody else is named. */
export async function endMany(
  { graphql }: Pick<GatewayFixture, 'graphql'>,
  input: object,
  headers?: Record<string, string>,
): Promise<EndedMany> {
  const { body } = await graphql(END_MANY, { input }, headers);
  assert.is(body.errors, undefined, JSON.stringify(body.errors));
  return body.data?.['terminateSessions'] as EndedMany;
}

/** Creates a session as the administrator. */
export async function create(
  { graphql }: Pick<GatewayFixture, 'graphql'>,
  input: object,
): Promise<Created> {
  const { body } = await graphql(CREATE, { input });
  assert.is(body.errors, undefined, JSON.stringify(body.errors));
  return body.data?.['createSession'] as Created;
}

/** Headers of a user without any rights over others, who is registered the first time. */
export async function otherUser({ gateway }: GatewayFixture): Promise<Record<string, string>> {
  const userId = '0190b0c8-0000-7000-8000-000000000777';
  const profile = {
    email: 'other@example.test',
    username: 'other',
    role: 'user',
    domain: 'default',
    projectId: 'default',
  };
  const command = { type: 'register', profile, passwordHash: 'none' };
  const { outcome } = await gateway.commands.request({
    aggregate: 'user',
    aggregateId: userId,
    actor: { kind: 'system', id: 'test' },
    traceparent: undefined,
    command,
  });
  assert.ok(outcome.ok);
  await gateway.progress.reached(outcome.ok ? outcome.sequence : 0, AbortSignal.timeout(5_000));
  const { token } = gateway.tokens().issue({ userId, accessKey: undefined });
  return { authorization: `Bearer ${token}` };
}
