import type { z } from 'zod';
import type { AggregateName } from '../envelope.ts';
import { ARCHIVE_SCHEMA_VERSION, ArchiveCommand, ArchiveEvent } from './archive.ts';
import { REGISTRY_SCHEMA_VERSION, RegistryCommand, RegistryEvent } from './container-registry.ts';
import { DOMAIN_SCHEMA_VERSION, DomainCommand, DomainEvent } from './domain.ts';
import { IMAGE_SCHEMA_VERSION, ImageCommand, ImageEvent } from './image.ts';
import { KEYPAIR_SCHEMA_VERSION, KeypairCommand, KeypairEvent } from './keypair.ts';
import { NODE_SCHEMA_VERSION, NodeCommand, NodeEvent } from './node.ts';
import { POLICY_SCHEMA_VERSION, PolicyCommand, PolicyEvent } from './policy.ts';
import { PRESET_SCHEMA_VERSION, PresetCommand, PresetEvent } from './preset.ts';
import { PROJECT_SCHEMA_VERSION, ProjectCommand, ProjectEvent } from './project.ts';
import { SCHEDULER_SCHEMA_VERSION, SchedulerCommand, SchedulerEvent } from './scheduler.ts';
import { SESSION_SCHEMA_VERSION, SessionCommand, SessionEvent } from './session.ts';
import { USER_SCHEMA_VERSION, UserCommand, UserEvent } from './user.ts';

interface Contract {
  readonly event: z.ZodType;
  readonly command: z.ZodType;
  readonly schemaVersion: number;
}

/** The shapes of every aggregate's events and commands. */
export const contracts = {
  session: { event: SessionEvent, command: SessionCommand, schemaVersion: SESSION_SCHEMA_VERSION },
  scheduler: {
    event: SchedulerEvent,
    command: SchedulerCommand,
    schemaVersion: SCHEDULER_SCHEMA_VERSION,
  },
  node: { event: NodeEvent, command: NodeCommand, schemaVersion: NODE_SCHEMA_VERSION },
  image: { event: ImageEvent, command: ImageCommand, schemaVersion: IMAGE_SCHEMA_VERSION },
  user: { event: UserEvent, command: UserCommand, schemaVersion: USER_SCHEMA_VERSION },
  keypair: { event: KeypairEvent, command: KeypairCommand, schemaVersion: KEYPAIR_SCHEMA_VERSION },
  archive: { event: ArchiveEvent, command: ArchiveCommand, schemaVersion: ARCHIVE_SCHEMA_VERSION },
  preset: { event: PresetEvent, command: PresetCommand, schemaVersion: PRESET_SCHEMA_VERSION },
  domain: { event: DomainEvent, command: DomainCommand, schemaVersion: DOMAIN_SCHEMA_VERSION },
  project: { event: ProjectEvent, command: ProjectCommand, schemaVersion: PROJECT_SCHEMA_VERSION },
  registry: {
    event: RegistryEvent,
    command: RegistryCommand,
    schemaVersion: REGISTRY_SCHEMA_VERSION,
  },
  policy: { event: PolicyEvent, command: PolicyCommand, schemaVersion: POLICY_SCHEMA_VERSION },
} as const satisfies Record<AggregateName, Contract>;

const known = new Map(
  Object.entries(contracts).map(([name, { event }]) => [
    name,
    new Set<string>(event.options.map(({ shape }) => shape.type.value)),
  ]),
);

/** Whether this version has a contract for events of the type. */
export function isKnownEvent(aggregate: AggregateName, type: string): boolean {
  return known.get(aggregate)?.has(type) ?? false;
}
