import {
  DEFAULT_POLICY,
  DEFAULT_PROJECT,
  DirectoryName,
  derivedId,
  type ProjectCommand,
  type ProjectSettings,
  type Rejection,
} from '@orrery/bus';
import type { ProjectRow } from '@orrery/projections';
import { z } from 'zod';
import { authoriseSignedIn } from '../../auth/authorise.ts';
import { may, type Operation } from '../../auth/may.ts';
import { safeParseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { given } from './directory-input.ts';
import { policyRefusal } from './policies.ts';
import { ProjectIdInput, ProjectInput, ProjectTypeInput, targetOfProject } from './projects.ts';
import { shapeProject } from './shapes.ts';
import { inUse, liveSessions, tell } from './tell.ts';

/** Projects that may have had one name in a domain, one after the other. */
const GENERATIONS_MAX = 100;

const CreateArguments = z.strictObject({
  domain: DirectoryName,
  name: DirectoryName,
  type: ProjectTypeInput,
  input: ProjectInput.default({}),
});

export async function createProject(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(CreateArguments, unparsed);
  if (!parsed.ok) return { rejection: parsed.error };
  const operation = 'Mutation.createProject';
  const caller = authoriseSignedIn(context.caller, operation);
  const { domain, name, type, input } = parsed.value;
  const { projections } = context.gateway;
  const isMine = may(caller, operation, { ownerUserId: '', domain, projectId: '' });
  const known = isMine ? await projections.findDomain(domain, { kind: 'all' }) : undefined;
  if (known === undefined) return { rejection: DOMAIN_UNKNOWN };
  const refusal =
    (await policyRefusal(context, 'project', input.resourcePolicy)) ??
    (await nameRefusal(context, { domain, name, id: undefined }));
  if (refusal !== undefined) return { rejection: refusal };
  const settings: ProjectSettings = { ...DEFAULTS, ...given(input), name };
  const command: ProjectCommand = { type: 'create', domain, projectType: type, settings };
  return await createUnder(context, { userId: caller.userId, command });
}

const DEFAULTS: Omit<ProjectSettings, 'name'> = {
  description: '',
  isActive: true,
  totalResourceSlots: {},
  allowedVfolderHosts: {},
  integrationId: '',
  resourcePolicy: DEFAULT_POLICY,
  containerRegistry: null,
};

/** The id follows from the name, so that of two who ask at once one is refused; a used one is passed over. */
async function createUnder(
  context: GatewayContext,
  { userId, command }: { userId: string; command: Extract<ProjectCommand, { type: 'create' }> },
): Promise<object> {
  const { domain, settings } = command;
  for (let generation = 1; generation <= GENERATIONS_MAX; generation++) {
    const id = derivedId('project', domain, settings.name, String(generation));
    const refusal = await tell(context, { userId, aggregate: 'project', id, command });
    if (refusal === undefined) return await shown(context, id);
    if (refusal.code !== 'project-id-taken') return { rejection: refusal };
  }
  return { rejection: NAME_USED_UP };
}

const ModifyArguments = z.strictObject({ id: ProjectIdInput, input: ProjectInput });
const IdArguments = z.strictObject({ id: ProjectIdInput });

export async function modifyProject(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(ModifyArguments, unparsed);
  if (!parsed.ok) return { rejection: parsed.error };
  const { id, input } = parsed.value;
  const found = await changeable(context, 'Mutation.modifyProject', id);
  if (found === undefined) return { rejection: PROJECT_UNKNOWN };
  const { domain } = found.row;
  const refusal =
    (await policyRefusal(context, 'project', input.resourcePolicy)) ??
    (input.name === undefined
      ? undefined
      : await nameRefusal(context, { domain, name: input.name, id }));
  if (refusal !== undefined) return { rejection: refusal };
  return await change(context, found, { type: 'modify', changes: given(input) });
}

/** Reference: an inactive project keeps no integration id. */
export async function deleteProject(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(IdArguments, unparsed);
  if (!parsed.ok) return { rejection: parsed.error };
  const found = await changeable(context, 'Mutation.deleteProject', parsed.value.id);
  if (found === undefined) return { rejection: PROJECT_UNKNOWN };
  const changes = { isActive: false, integrationId: '' };
  return await change(context, found, { type: 'modify', changes });
}

/** Answers with the project as it was. */
export async function purgeProject(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(IdArguments, unparsed);
  if (!parsed.ok) return { rejection: parsed.error };
  const found = await changeable(context, 'Mutation.purgeProject', parsed.value.id);
  if (found === undefined) return { rejection: PROJECT_UNKNOWN };
  const { row, userId } = found;
  if (row.id === DEFAULT_PROJECT) return { rejection: BUILT_IN };
  const sessions = await liveSessions(context, { projectId: row.id });
  if (sessions > 0) return { rejection: inUse('project-in-use', { sessions }) };
  const command: ProjectCommand = { type: 'purge' };
  const refusal = await tell(context, { userId, aggregate: 'project', id: row.id, command });
  return refusal === undefined ? { project: shapeProject(row) } : { rejection: refusal };
}

interface Found {
  readonly row: ProjectRow;
  readonly userId: string;
}

/** The project, if there is one that the caller may do this to; another's is as good as none. */
export async function changeable(
  { gateway, caller }: GatewayContext,
  operation: Operation,
  id: string,
): Promise<Found | undefined> {
  const signedIn = authoriseSignedIn(caller, operation);
  const row = await gateway.projections.findProject(id, { kind: 'all' });
  if (row === undefined || !may(signedIn, operation, targetOfProject(row))) return undefined;
  return { row, userId: signedIn.userId };
}

async function change(
  context: GatewayContext,
  { row, userId }: Found,
  command: ProjectCommand,
): Promise<object> {
  const refusal = await tell(context, { userId, aggregate: 'project', id: row.id, command });
  return refusal === undefined ? await shown(context, row.id) : { rejection: refusal };
}

async function shown({ gateway }: GatewayContext, id: string): Promise<object> {
  const row = await gateway.projections.findProject(id, { kind: 'all' });
  return { project: row === undefined ? null : shapeProject(row) };
}

/** Why the name cannot be taken: another project of the domain has it. */
async function nameRefusal(
  { gateway }: GatewayContext,
  wanted: { readonly domain: string; readonly name: string; readonly id: string | undefined },
): Promise<Rejection | undefined> {
  const { domain, name, id } = wanted;
  const visibility = { kind: 'all' } as const;
  const page = await gateway.projections.listProjects({ visibility, domain, name, first: 2 });
  const isTaken = page.ok && page.value.edges.some(({ row }) => row.id !== id);
  return isTaken ? NAME_TAKEN : undefined;
}

export const PROJECT_UNKNOWN: Rejection = {
  code: 'project-unknown',
  message: 'there is no such project, or none that you may see',
  field: 'id',
};
const DOMAIN_UNKNOWN: Rejection = {
  code: 'domain-unknown',
  message: 'there is no such domain, or none that you may see',
  field: 'domain',
};
const NAME_TAKEN: Rejection = {
  code: 'project-exists',
  message: 'there is a project of this name in the domain',
  field: 'name',
};
const NAME_USED_UP: Rejection = {
  code: 'project-name-used-up',
  message: `there were ${GENERATIONS_MAX} projects of this name in the domain; choose another`,
  field: 'name',
};
const BUILT_IN: Rejection = {
  code: 'project-default',
  message: `the project ${DEFAULT_PROJECT} is always there`,
  field: 'id',
};
