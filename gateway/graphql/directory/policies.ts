import {
  BUILT_IN_POLICIES,
  directoryId,
  KeypairPolicy,
  type PolicyCommand,
  type PolicyKind,
  PolicyName,
  ProjectPolicy,
  type Rejection,
  ResourcePolicy,
  UserPolicy,
} from '@orrery/bus';
import { z } from 'zod';
import { authoriseSignedIn, visibilityOf } from '../../auth/authorise.ts';
import type { Operation } from '../../auth/may.ts';
import { parseArguments, safeParseArguments } from '../arguments.ts';
import { pageArguments, shapeConnection } from '../connection.ts';
import type { GatewayContext } from '../context.ts';
import type { Resolver } from '../resolver.ts';
import { given, HostsInput, SlotsInput, wordInput } from './directory-input.ts';
import { shapePolicy } from './shapes.ts';
import { tell } from './tell.ts';

const { shape: keypair } = KeypairPolicy;
const { shape: user } = UserPolicy;
const { shape: project } = ProjectPolicy;

/** Of nullable fields a value that limits nothing takes the limit away. */
const nullBelow = (least: number, field: z.ZodType<number | null, number | null>) =>
  z
    .int()
    .transform((count) => (count < least ? null : count))
    .pipe(field);

const inputs = {
  keypair: z.strictObject({
    defaultForUnspecified: wordInput(keypair.defaultForUnspecified).optional(),
    totalResourceSlots: SlotsInput.optional(),
    maxSessionLifetime: keypair.maxSessionLifetime.optional(),
    maxConcurrentSessions: keypair.maxConcurrentSessions.optional(),
    maxConcurrentSftpSessions: keypair.maxConcurrentSftpSessions.optional(),
    maxPendingSessionCount: nullBelow(1, keypair.maxPendingSessionCount).optional(),
    maxPendingSessionResourceSlots: SlotsInput.transform((slots) =>
      Object.keys(slots).length === 0 ? null : slots,
    ).optional(),
    maxPriority: nullBelow(0, keypair.maxPriority).optional(),
    maxContainersPerSession: keypair.maxContainersPerSession.optional(),
    idleTimeout: keypair.idleTimeout.optional(),
    allowedVfolderHosts: HostsInput.optional(),
  }),
  user: z.strictObject({
    maxVfolderCount: user.maxVfolderCount.optional(),
    maxQuotaScopeSize: user.maxQuotaScopeSize.optional(),
    maxSessionCountPerModelSession: user.maxSessionCountPerModelSession.optional(),
    maxCustomizedImageCount: user.maxCustomizedImageCount.optional(),
    maxConcurrentLogins: nullBelow(1, user.maxConcurrentLogins).optional(),
  }),
  project: z.strictObject({
    maxVfolderCount: project.maxVfolderCount.optional(),
    maxQuotaScopeSize: project.maxQuotaScopeSize.optional(),
    maxNetworkCount: project.maxNetworkCount.optional(),
  }),
} as const;

function changeArguments(
  kind: PolicyKind,
): z.ZodType<{ readonly name: string; readonly input?: object | undefined }> {
  return z.strictObject({ name: PolicyName, input: inputs[kind].optional() });
}

/** The resolvers of one kind of resource policies. */
export function policyResolvers(
  kind: PolicyKind,
  operations: Readonly<Record<'one' | 'list' | 'create' | 'modify' | 'delete', Operation>>,
): Readonly<Record<'one' | 'list' | 'create' | 'modify' | 'delete', Resolver>> {
  const ChangeArguments = changeArguments(kind);
  return {
    one: async (_root, unparsed, { gateway, caller }) => {
      const { name } = parseArguments(NameArguments, unparsed);
      const visibility = visibilityOf(authoriseSignedIn(caller, operations.one), operations.one);
      const row = await gateway.projections.findPolicy({ kind, name }, visibility);
      return row === undefined ? null : shapePolicy(row);
    },
    list: async (_root, unparsed, { gateway, caller }) => {
      const page = parseArguments(z.strictObject(pageArguments), unparsed);
      const visibility = visibilityOf(authoriseSignedIn(caller, operations.list), operations.list);
      const rows = await gateway.projections.listPolicies({ ...page, kind, visibility });
      return shapeConnection(rows, shapePolicy);
    },
    create: async (_root, unparsed, context) => {
      const parsed = safeParseArguments(ChangeArguments, unparsed);
      if (!parsed.ok) return { rejection: parsed.error };
      const { userId } = authoriseSignedIn(context.caller, operations.create);
      const { name, input = {} } = parsed.value;
      const policy = ResourcePolicy.parse({ ...shipped(kind), ...given(input) });
      return await change(context, {
        userId,
        kind,
        name,
        command: { type: 'create', name, policy },
      });
    },
    modify: async (_root, unparsed, context) => {
      const parsed = safeParseArguments(ChangeArguments, unparsed);
      if (!parsed.ok) return { rejection: parsed.error };
      const { userId } = authoriseSignedIn(context.caller, operations.modify);
      const { name, input = {} } = parsed.value;
      const command: PolicyCommand = { type: 'modify', changes: given(input) };
      return await change(context, { userId, kind, name, command });
    },
    delete: async (_root, unparsed, context) => {
      const parsed = safeParseArguments(NameArguments, unparsed);
      if (!parsed.ok) return { rejection: parsed.error };
      const { userId } = authoriseSignedIn(context.caller, operations.delete);
      const { name } = parsed.value;
      const row = await context.gateway.projections.findPolicy({ kind, name }, { kind: 'all' });
      if (row === undefined) return { rejection: unknown('name') };
      const told = { userId, kind, name, command: { type: 'delete' } as const };
      const payload = await change(context, told);
      return 'rejection' in payload ? payload : { resourcePolicy: shapePolicy(row) };
    },
  };
}

const NameArguments = z.strictObject({ name: PolicyName });

function shipped(kind: PolicyKind): ResourcePolicy | undefined {
  return BUILT_IN_POLICIES.find((policy) => policy.kind === kind);
}

async function change(
  context: GatewayContext,
  told: {
    readonly userId: string;
    readonly kind: PolicyKind;
    readonly name: string;
    readonly command: PolicyCommand;
  },
): Promise<object> {
  const { userId, kind, name, command } = told;
  const id = directoryId('policy', kind, name);
  const refusal = await tell(context, { userId, aggregate: 'policy', id, command });
  if (refusal !== undefined) return { rejection: refusal };
  const row = await context.gateway.projections.findPolicy({ kind, name }, { kind: 'all' });
  return { resourcePolicy: row === undefined ? null : shapePolicy(row) };
}

/** Why a policy cannot be chosen: there is none of that name. */
export async function policyRefusal(
  { gateway }: GatewayContext,
  kind: PolicyKind,
  name: string | undefined,
  field = 'resourcePolicy',
): Promise<Rejection | undefined> {
  if (name === undefined) return undefined;
  const row = await gateway.projections.findPolicy({ kind, name }, { kind: 'all' });
  return row === undefined ? unknown(field) : undefined;
}

function unknown(field: string): Rejection {
  return { code: 'policy-unknown', message: 'there is no such resource policy', field };
}
