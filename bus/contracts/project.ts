import { z } from 'zod';
import { AllowedFolderHosts, Description, DirectoryName, SlotLimits } from './directory-values.ts';

export const PROJECT_SCHEMA_VERSION = 1;

export const ProjectType = z.enum(['general', 'model-store']);
export type ProjectType = z.infer<typeof ProjectType>;

/** What can be said of a project (reference: group). Who belongs to it, its users know. */
export const ProjectSettings = z.object({
  name: DirectoryName,
  description: Description,
  isActive: z.boolean(),
  /** Of all its sessions together. */
  totalResourceSlots: SlotLimits,
  allowedVfolderHosts: AllowedFolderHosts,
  integrationId: z.string().max(512),
  /** Name of a project resource policy. */
  resourcePolicy: z.string().min(1).max(256),
  containerRegistry: z.object({ registry: z.string(), project: z.string() }).nullable(),
});
export type ProjectSettings = Readonly<z.infer<typeof ProjectSettings>>;

export const ProjectEvent = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('project-created'),
    domain: z.string(),
    projectType: ProjectType,
    settings: ProjectSettings,
  }),
  z.object({ type: z.literal('project-changed'), changes: ProjectSettings.partial() }),
  z.object({ type: z.literal('project-purged') }),
]);
export type ProjectEvent = Readonly<z.infer<typeof ProjectEvent>>;

export const ProjectCommand = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('create'),
    domain: DirectoryName,
    projectType: ProjectType,
    settings: ProjectSettings,
  }),
  /** What is left out stays as it is. */
  z.strictObject({ type: z.literal('modify'), changes: ProjectSettings.partial() }),
  z.strictObject({ type: z.literal('purge') }),
]);
export type ProjectCommand = Readonly<z.infer<typeof ProjectCommand>>;
