import { ProjectSettings, ProjectType } from '@orrery/bus';
import type { ProjectRow } from '@orrery/projections';
import { z } from 'zod';
import { authoriseSignedIn, visibilityOf } from '../../auth/authorise.ts';
import { parseArguments } from '../arguments.ts';
import { pageArguments, shapeConnection } from '../connection.ts';
import type { GatewayContext } from '../context.ts';
import { HostsInput, SlotsInput, wordInput } from './directory-input.ts';
import { shapeProject } from './shapes.ts';

const ListArguments = z.strictObject({
  ...pageArguments,
  domain: z.string().max(256).optional(),
  name: z.string().max(256).optional(),
  isActive: z.boolean().optional(),
});

export async function projects(
  _root: unknown,
  unparsed: unknown,
  { gateway, caller }: GatewayContext,
): Promise<object> {
  const listing = parseArguments(ListArguments, unparsed);
  const visibility = visibilityOf(authoriseSignedIn(caller, 'Query.projects'), 'Query.projects');
  return shapeConnection(
    await gateway.projections.listProjects({ ...listing, visibility }),
    shapeProject,
  );
}

export const ProjectIdInput = z.string().min(1).max(128);
const OneArguments = z.strictObject({ id: ProjectIdInput });

export async function project(
  _root: unknown,
  unparsed: unknown,
  { gateway, caller }: GatewayContext,
): Promise<object | null> {
  const { id } = parseArguments(OneArguments, unparsed);
  const visibility = visibilityOf(authoriseSignedIn(caller, 'Query.project'), 'Query.project');
  const row = await gateway.projections.findProject(id, visibility);
  return row === undefined ? null : shapeProject(row);
}

const { shape } = ProjectSettings;

/** Null takes the registry away. */
const RegistryInput = z
  .record(z.string(), z.unknown())
  .transform((registry) => (Object.keys(registry).length === 0 ? null : registry))
  .pipe(shape.containerRegistry);

export const ProjectInput = z.strictObject({
  name: shape.name.optional(),
  description: shape.description.optional(),
  isActive: z.boolean().optional(),
  totalResourceSlots: SlotsInput.optional(),
  allowedVfolderHosts: HostsInput.optional(),
  integrationId: shape.integrationId.optional(),
  resourcePolicy: shape.resourcePolicy.optional(),
  containerRegistry: RegistryInput.optional(),
});

export const ProjectTypeInput = wordInput(ProjectType);

/** The project as an operation's target. */
export function targetOfProject({ id, domain }: Pick<ProjectRow, 'id' | 'domain'>) {
  return { ownerUserId: '', domain, projectId: id };
}
