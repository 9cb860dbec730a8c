import type { z } from 'zod';
import {
  AllocationRow,
  AuditRow,
  DomainRow,
  ImageRow,
  KernelRow,
  KeypairRow,
  LimitsRow,
  NodeRow,
  PolicyRow,
  PresetRow,
  ProjectRow,
  QueueRow,
  RegistryRow,
  ResourceGroupRow,
  SessionRow,
  UserRow,
} from './rows.ts';

export type ColumnType = 'text' | 'bool' | 'int8' | 'float8' | 'jsonb' | 'json';

/** A table and the columns of its rows, in the order in which they are written. */
export interface Table<Row extends object = object> {
  readonly name: string;
  readonly row: z.ZodType<Row>;
  readonly key: string;
  readonly columns: readonly {
    /** Name in the row, and in SQL. */
    readonly property: string;
    readonly name: string;
    readonly type: ColumnType;
    /** Whether it keeps its value for as long as the row exists. */
    readonly isFixed: boolean;
  }[];
}

function defineTable<Row extends object>(
  name: string,
  definition: {
    readonly row: z.ZodType<Row>;
    readonly key: keyof Row & string;
    readonly columns: Readonly<Record<keyof Row & string, ColumnType>>;
    /** Columns that change after the row was made. Default: all. */
    readonly changing?: readonly (keyof Row & string)[];
  },
): Table<Row> {
  const changing: ReadonlySet<string> | undefined =
    definition.changing && new Set(definition.changing);
  const columns = Object.entries<ColumnType>(definition.columns).map(([property, type]) => ({
    property,
    name: snakeCase(property),
    type,
    isFixed: changing !== undefined && !changing.has(property),
  }));
  return { name, row: definition.row, key: snakeCase(definition.key), columns };
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

const place = { revision: 'int8', sequence: 'int8' } as const;

export const tables = {
  sessions: defineTable('sessions', {
    row: SessionRow,
    key: 'id',
    columns: {
      id: 'text',
      name: 'text',
      sessionType: 'text',
      status: 'text',
      statusInfo: 'text',
      statusMessage: 'text',
      result: 'text',
      exitCode: 'int8',
      image: 'text',
      command: 'jsonb',
      ownerUserId: 'text',
      ownerEmail: 'text',
      accessKey: 'text',
      projectId: 'text',
      domain: 'text',
      resourceGroup: 'text',
      architecture: 'text',
      clusterMode: 'text',
      priority: 'int8',
      tag: 'text',
      environ: 'jsonb',
      batchTimeoutMs: 'int8',
      requestedSlots: 'jsonb',
      occupiedSlots: 'jsonb',
      statusHistory: 'jsonb',
      createdAtMs: 'int8',
      startedAtMs: 'int8',
      terminatedAtMs: 'int8',
      ...place,
    },
    changing: [
      'status',
      'statusInfo',
      'statusMessage',
      'result',
      'exitCode',
      'occupiedSlots',
      'statusHistory',
      'startedAtMs',
      'terminatedAtMs',
      'revision',
      'sequence',
    ],
  }),
  kernels: defineTable('kernels', {
    row: KernelRow,
    key: 'id',
    columns: {
      id: 'text',
      sessionId: 'text',
      role: 'text',
      index: 'int8',
      localRank: 'int8',
      hostname: 'text',
      status: 'text',
      statusInfo: 'text',
      statusMessage: 'text',
      image: 'text',
      agentId: 'text',
      containerId: 'text',
      requestedSlots: 'jsonb',
      occupiedSlots: 'jsonb',
      devices: 'jsonb',
      pullProgress: 'jsonb',
      exitCode: 'int8',
      wasOutOfMemory: 'bool',
      startedAtMs: 'int8',
      terminatedAtMs: 'int8',
      ...place,
    },
    changing: [
      'status',
      'statusInfo',
      'statusMessage',
      'agentId',
      'containerId',
      'occupiedSlots',
      'devices',
      'pullProgress',
      'exitCode',
      'wasOutOfMemory',
      'startedAtMs',
      'terminatedAtMs',
      'revision',
      'sequence',
    ],
  }),
  queue: defineTable('queue', {
    row: QueueRow,
    key: 'sessionId',
    columns: {
      sessionId: 'text',
      isWaiting: 'bool',
      attempt: 'int8',
      resourceGroup: 'text',
      reasonCode: 'text',
      reasonMessage: 'text',
      missingSlots: 'jsonb',
      reasonDetails: 'jsonb',
      queuedAtMs: 'int8',
      sequence: 'int8',
    },
  }),
  allocations: defineTable('allocations', {
    row: AllocationRow,
    key: 'kernelId',
    columns: {
      kernelId: 'text',
      sessionId: 'text',
      agentId: 'text',
      attempt: 'int8',
      slots: 'jsonb',
      isReleased: 'bool',
      sequence: 'int8',
    },
    changing: ['isReleased', 'sequence'],
  }),
  nodes: defineTable('nodes', {
    row: NodeRow,
    key: 'id',
    columns: {
      id: 'text',
      status: 'text',
      isSchedulable: 'bool',
      driver: 'text',
      architecture: 'text',
      resourceGroup: 'text',
      version: 'text',
      availableSlots: 'jsonb',
      devices: 'jsonb',
      registeredAtMs: 'int8',
      lostAtMs: 'int8',
      statusInfo: 'text',
      ...place,
    },
  }),
  images: defineTable('images', {
    row: ImageRow,
    key: 'id',
    columns: {
      id: 'text',
      reference: 'text',
      isForgotten: 'bool',
      facts: 'jsonb',
      architectures: 'jsonb',
      sizeBytes: 'float8',
      agentIds: 'jsonb',
      labels: 'jsonb',
      platforms: 'jsonb',
      aliasOf: 'text',
      registeredAtMs: 'int8',
      ...place,
    },
  }),
  users: defineTable('users', {
    row: UserRow,
    key: 'id',
    columns: {
      id: 'text',
      email: 'text',
      username: 'text',
      role: 'text',
      domain: 'text',
      projectId: 'text',
      projects: 'jsonb',
      passwordHash: 'text',
      passwordChangedAtMs: 'int8',
      needPasswordChange: 'bool',
      fullName: 'text',
      description: 'text',
      status: 'text',
      statusInfo: 'text',
      isActive: 'bool',
      resourcePolicy: 'text',
      allowedClientIp: 'jsonb',
      sudoSessionEnabled: 'bool',
      mainAccessKey: 'text',
      sshKeys: 'jsonb',
      isPurged: 'bool',
      createdAtMs: 'int8',
      modifiedAtMs: 'int8',
      ...place,
    },
  }),
  keypairs: defineTable('keypairs', {
    row: KeypairRow,
    key: 'accessKey',
    columns: {
      accessKey: 'text',
      userId: 'text',
      sealedSecret: 'text',
      isAdmin: 'bool',
      rateLimit: 'int8',
      resourcePolicy: 'text',
      isActive: 'bool',
      isDeleted: 'bool',
      createdAtMs: 'int8',
      ...place,
    },
  }),
  domains: defineTable('domains', {
    row: DomainRow,
    key: 'id',
    columns: {
      id: 'text',
      name: 'text',
      description: 'text',
      isActive: 'bool',
      totalResourceSlots: 'jsonb',
      allowedVfolderHosts: 'jsonb',
      allowedDockerRegistries: 'jsonb',
      integrationId: 'text',
      isPurged: 'bool',
      createdAtMs: 'int8',
      modifiedAtMs: 'int8',
      ...place,
    },
  }),
  projects: defineTable('projects', {
    row: ProjectRow,
    key: 'id',
    columns: {
      id: 'text',
      name: 'text',
      domain: 'text',
      projectType: 'text',
      description: 'text',
      isActive: 'bool',
      totalResourceSlots: 'jsonb',
      allowedVfolderHosts: 'jsonb',
      integrationId: 'text',
      resourcePolicy: 'text',
      containerRegistry: 'jsonb',
      isPurged: 'bool',
      createdAtMs: 'int8',
      modifiedAtMs: 'int8',
      ...place,
    },
  }),
  policies: defineTable('policies', {
    row: PolicyRow,
    key: 'id',
    columns: {
      id: 'text',
      kind: 'text',
      name: 'text',
      policy: 'jsonb',
      isDeleted: 'bool',
      createdAtMs: 'int8',
      ...place,
    },
  }),
  registries: defineTable('registries', {
    row: RegistryRow,
    key: 'id',
    columns: {
      id: 'text',
      name: 'text',
      url: 'text',
      project: 'text',
      username: 'text',
      sealedPassword: 'text',
      isDeleted: 'bool',
      createdAtMs: 'int8',
      ...place,
    },
  }),
  presets: defineTable('presets', {
    row: PresetRow,
    key: 'id',
    columns: {
      id: 'text',
      name: 'text',
      resourceGroup: 'text',
      slots: 'jsonb',
      sharedMemoryBytes: 'int8',
      isDeleted: 'bool',
      createdAtMs: 'int8',
      ...place,
    },
  }),
  resourceGroups: defineTable('resource_groups', {
    row: ResourceGroupRow,
    key: 'name',
    columns: { name: 'text', policy: 'jsonb', setAtMs: 'int8', sequence: 'int8' },
  }),
  limits: defineTable('limits', {
    row: LimitsRow,
    key: 'id',
    columns: {
      id: 'text',
      scope: 'text',
      key: 'text',
      limits: 'jsonb',
      setAtMs: 'int8',
      sequence: 'int8',
    },
  }),
  audit: defineTable('audit', {
    row: AuditRow,
    key: 'sequence',
    columns: {
      sequence: 'int8',
      commitId: 'text',
      aggregate: 'text',
      aggregateId: 'text',
      firstRevision: 'int8',
      schemaVersion: 'int8',
      recordedAtMs: 'int8',
      actorKind: 'text',
      actorId: 'text',
      commandId: 'text',
      commandType: 'text',
      traceparent: 'text',
      hash: 'text',
      previousHash: 'text',
      // Not jsonb: the keys of an event keep their order.
      events: 'json',
    },
  }),
};
