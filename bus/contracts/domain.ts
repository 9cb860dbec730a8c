import { z } from 'zod';
import { AllowedFolderHosts, Description, DirectoryName, SlotLimits } from './directory-values.ts';

export const DOMAIN_SCHEMA_VERSION = 1;

/** What can be said of a domain (reference: domain). */
export const DomainSettings = z.object({
  description: Description,
  isActive: z.boolean(),
  /** Of all its users together. */
  totalResourceSlots: SlotLimits,
  allowedVfolderHosts: AllowedFolderHosts,
  allowedDockerRegistries: z.array(z.string().min(1).max(256)).max(256),
  integrationId: z.string().max(512).nullable(),
});
export type DomainSettings = Readonly<z.infer<typeof DomainSettings>>;

export const DEFAULT_DOMAIN_SETTINGS: DomainSettings = {
  description: '',
  isActive: true,
  totalResourceSlots: {},
  allowedVfolderHosts: {},
  allowedDockerRegistries: [],
  integrationId: null,
};

export const DomainEvent = z.discriminatedUnion('type', [
  z.object({ type: z.literal('domain-created'), name: z.string(), settings: DomainSettings }),
  z.object({ type: z.literal('domain-changed'), changes: DomainSettings.partial() }),
  z.object({ type: z.literal('domain-purged') }),
]);
export type DomainEvent = Readonly<z.infer<typeof DomainEvent>>;

export const DomainCommand = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('create'),
    name: DirectoryName,
    settings: DomainSettings,
  }),
  /** What is left out stays as it is. */
  z.strictObject({ type: z.literal('modify'), changes: DomainSettings.partial() }),
  z.strictObject({ type: z.literal('purge') }),
]);
export type DomainCommand = Readonly<z.infer<typeof DomainCommand>>;
