import * as assert from 'uvu/assert';
import type { Answer } from './gateway-fixture.ts';

export type Headers = Readonly<Record<string, string>>;

/** The parts of the gateway that calls are made with. */
export interface Called {
  graphql(query: string, variables?: object, headers?: Record<string, string>): Promise<Answer>;
}

/** The one field that a call answers with. @throws when it failed. */
export async function answerOf<Value>(
  { graphql }: Called,
  query: string,
  variables: object,
  headers?: Headers,
): Promise<Value> {
  const { body } = await graphql(query, variables, headers && { ...headers });
  assert.is(body.errors, undefined, JSON.stringify(body.errors));
  const [value] = Object.values(body.data ?? {});
  return value as Value;
}

export interface NewUser {
  readonly id: string;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly email: string;
  readonly headers: Headers;
}

const CREATE_USER = `mutation ($input: CreateUserInput!) { createUser(input: $input) {
  user { id } keypair { accessKey } secretKey rejection { code message field }
} }`;
const SIGN_IN = `mutation ($email: String!, $password: String!) {
  signIn(email: $email, password: $password) { token rejection { code } }
}`;
export const PASSWORD = 'a rather long password';

/** A user made by the administrator, signed in. */
export async function makeUser(
  gateway: Called,
  input: { readonly email: string } & Readonly<Record<string, unknown>>,
): Promise<NewUser> {
  const created = await answerOf<{
    readonly user: { readonly id: string } | null;
    readonly keypair: { readonly accessKey: string };
    readonly secretKey: string;
    readonly rejection: object | null;
  }>(gateway, CREATE_USER, { input: { password: PASSWORD, ...input } });
  if (created.user === null) throw new Error(JSON.stringify(created.rejection));
  const { email } = input;
  const headers = await signedIn(gateway, email);
  const { secretKey, keypair, user } = created;
  return { id: user.id, accessKey: keypair.accessKey, secretKey, email, headers };
}

async function signedIn(gateway: Called, email: string): Promise<Headers> {
  const { token } = await answerOf<{ readonly token: string }>(
    gateway,
    SIGN_IN,
    { email, password: PASSWORD },
    {},
  );
  return { authorization: `Bearer ${token}` };
}

/** The id of a new project, made by the administrator in a domain that is made too unless it is there. */
export async function makeProject(gateway: Called, domain: string, name: string): Promise<string> {
  const makeDomain =
    'mutation ($name: String!) { createDomain(name: $name) { rejection { code } } }';
  if (domain !== 'default') await answerOf(gateway, makeDomain, { name: domain });
  const { project } = await answerOf<{ readonly project: { readonly id: string } }>(
    gateway,
    `mutation ($domain: String!, $name: String!) {
      createProject(domain: $domain, name: $name) { project { id } rejection { code } }
    }`,
    { domain, name },
  );
  return project.id;
}
