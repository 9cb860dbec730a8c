import { tokenOf } from '../../environment/sign-in.ts';
import type { StartedSystem } from '../../environment/system.ts';
import {
  answerOf,
  type Called,
  type Headers,
  makeProject,
  makeUser,
  type NewUser,
} from '../../unit/gateway/directory-calls.ts';
import type { Answer } from '../../unit/gateway/gateway-fixture.ts';

/** Calls of a real gateway as its administrator, or with other headers. */
export async function callsOf(system: StartedSystem): Promise<Called> {
  const token = await tokenOf(system);
  return {
    async graphql(query, variables = {}, headers = { authorization: `Bearer ${token}` }) {
      const response = await fetch(`${system.endpoint}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body: JSON.stringify({ query, variables }),
      });
      return { status: response.status, body: (await response.json()) as Answer['body'] };
    },
  };
}

/** A domain with a project, one of every role in it, and a session of the user's. */
export interface Tenant {
  readonly domain: string;
  readonly project: string;
  readonly admin: NewUser;
  readonly projectAdmin: NewUser;
  readonly user: NewUser;
  readonly session: string;
}

export async function makeTenant(calls: Called, domain: string): Promise<Tenant> {
  const project = await makeProject(calls, domain, `${domain}-project`);
  const member = (name: string, role: string, inProject: string): Promise<NewUser> =>
    makeUser(calls, {
      email: `${name}@${domain}.test`,
      domain,
      role,
      projects: [{ projectId: project, role: inProject }],
    });
  const admin = await member('admin', 'ADMIN', 'MEMBER');
  const projectAdmin = await member('project-admin', 'USER', 'ADMIN');
  const user = await member('user', 'USER', 'MEMBER');
  return { domain, project, admin, projectAdmin, user, session: await submit(calls, user.headers) };
}

const CREATE = `mutation ($input: CreateSessionInput!) {
  createSession(input: $input) { session { id } rejection { code message } }
}`;

export async function submit(calls: Called, headers: Headers, input: object = {}): Promise<string> {
  const { session, rejection } = await answerOf<{
    readonly session: { readonly id: string } | null;
    readonly rejection: object | null;
  }>(calls, CREATE, { input: { cpu: '0.1', memory: '64m', ...input } }, headers);
  if (session === null) throw new Error(JSON.stringify(rejection));
  return session.id;
}
