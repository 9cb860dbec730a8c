import type { z } from 'zod';
import type { AggregateName } from '../envelope.ts';
import { IMAGE_SCHEMA_VERSION, ImageCommand, ImageEvent } from './image.ts';
import { KEYPAIR_SCHEMA_VERSION, KeypairCommand, KeypairEvent } from './keypair.ts';
import { NODE_SCHEMA_VERSION, NodeCommand, NodeEvent } from './node.ts';
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
} as const satisfies Record<AggregateName, Contract>;
