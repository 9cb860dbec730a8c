import {
  DEFAULT_DOMAIN,
  DEFAULT_DOMAIN_SETTINGS,
  DirectoryName,
  type DomainCommand,
  DomainSettings,
  directoryId,
  type Rejection,
} from '@orrery/bus';
import { z } from 'zod';
import { authoriseSignedIn, visibilityOf } from '../../auth/authorise.ts';
import { parseArguments, safeParseArguments } from '../arguments.ts';
import { pageArguments, shapeConnection } from '../connection.ts';
import type { GatewayContext } from '../context.ts';
import { given, HostsInput, integrationInput, SlotsInput } from './directory-input.ts';
import { shapeDomain } from './shapes.ts';
import { inUse, liveSessions, tell } from './tell.ts';

const ListArguments = z.strictObject({ ...pageArguments, isActive: z.boolean().optional() });

export async function domains(
  _root: unknown,
  unparsed: unknown,
  { gateway, caller }: GatewayContext,
): Promise<object> {
  const listing = parseArguments(ListArguments, unparsed);
  const visibility = visibilityOf(authoriseSignedIn(caller, 'Query.domains'), 'Query.domains');
  return shapeConnection(
    await gateway.projections.listDomains({ ...listing, visibility }),
    shapeDomain,
  );
}

const OneArguments = z.strictObject({ name: z.string().max(256).optional() });

export async function domain(
  _root: unknown,
  unparsed: unknown,
  { gateway, caller }: GatewayContext,
): Promise<object | null> {
  const viewer = authoriseSignedIn(caller, 'Query.domain');
  const { name = viewer.domain } = parseArguments(OneArguments, unparsed);
  const row = await gateway.projections.findDomain(name, visibilityOf(viewer, 'Query.domain'));
  return row === undefined ? null : shapeDomain(row);
}

const Input = z.strictObject({
  description: DomainSettings.shape.description.optional(),
  isActive: z.boolean().optional(),
  totalResourceSlots: SlotsInput.optional(),
  allowedVfolderHosts: HostsInput.optional(),
  allowedDockerRegistries: DomainSettings.shape.allowedDockerRegistries.optional(),
  integrationId: integrationInput.optional(),
});
const ChangeArguments = z.strictObject({ name: DirectoryName, input: Input.default({}) });
const NameArguments = z.strictObject({ name: DirectoryName });

export async function createDomain(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(ChangeArguments, unparsed);
  if (!parsed.ok) return { rejection: parsed.error };
  const { userId } = authoriseSignedIn(context.caller, 'Mutation.createDomain');
  const { name, input } = parsed.value;
  const settings = { ...DEFAULT_DOMAIN_SETTINGS, ...given(input) };
  return await change(context, { userId, name, command: { type: 'create', name, settings } });
}

export async function modifyDomain(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(ChangeArguments, unparsed);
  if (!parsed.ok) return { rejection: parsed.error };
  const { userId } = authoriseSignedIn(context.caller, 'Mutation.modifyDomain');
  const { name, input } = parsed.value;
  return await change(context, {
    userId,
    name,
    command: { type: 'modify', changes: given(input) },
  });
}

export async function deleteDomain(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(NameArguments, unparsed);
  if (!parsed.ok) return { rejection: parsed.error };
  const { userId } = authoriseSignedIn(context.caller, 'Mutation.deleteDomain');
  const command = { type: 'modify', changes: { isActive: false } } as const;
  return await change(context, { userId, name: parsed.value.name, command });
}

/** Answers with the domain as it was. */
export async function purgeDomain(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const { projections } = context.gateway;
  const parsed = safeParseArguments(NameArguments, unparsed);
  if (!parsed.ok) return { rejection: parsed.error };
  const { userId } = authoriseSignedIn(context.caller, 'Mutation.purgeDomain');
  const { name } = parsed.value;
  const visibility = { kind: 'all' } as const;
  const row = await projections.findDomain(name, visibility);
  if (row === undefined) return { rejection: UNKNOWN };
  if (name === DEFAULT_DOMAIN) return { rejection: BUILT_IN };
  const [users, projects, sessions] = await Promise.all([
    projections.listUsers({ visibility, domain: name, first: 1 }),
    projections.listProjects({ visibility, domain: name, first: 1 }),
    liveSessions(context, { domain: name }),
  ]);
  const counts = {
    users: users.ok ? users.value.totalCount : 0,
    projects: projects.ok ? projects.value.totalCount : 0,
    sessions,
  };
  if (Object.values(counts).some((count) => count > 0))
    return { rejection: inUse('domain-in-use', counts) };
  const refusal = await tell(context, {
    userId,
    aggregate: 'domain',
    id: row.id,
    command: { type: 'purge' } satisfies DomainCommand,
  });
  return refusal === undefined ? { domain: shapeDomain(row) } : { rejection: refusal };
}

async function change(
  context: GatewayContext,
  { userId, name, command }: { userId: string; name: string; command: DomainCommand },
): Promise<object> {
  const id = directoryId('domain', name);
  const refusal = await tell(context, { userId, aggregate: 'domain', id, command });
  if (refusal !== undefined) return { rejection: refusal };
  const row = await context.gateway.projections.findDomain(name, { kind: 'all' });
  return { domain: row === undefined ? null : shapeDomain(row) };
}

const UNKNOWN: Rejection = {
  code: 'domain-unknown',
  message: 'there is no such domain',
  field: 'name',
};
const BUILT_IN: Rejection = {
  code: 'domain-default',
  message: `the domain ${DEFAULT_DOMAIN} is always there`,
  field: 'name',
};
