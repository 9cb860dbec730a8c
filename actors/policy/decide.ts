import {
  DEFAULT_POLICY,
  err,
  known,
  ok,
  type PolicyCommand,
  type PolicyEvent,
  type Rejection,
  ResourcePolicy,
  unreachable,
} from '@orrery/bus';
import type { Decision } from '../runtime/aggregate.ts';
import type { PolicySnapshot } from './machine.ts';

/** For whom one policy counts at most: each change is told for each of them. */
export const HOLDERS_MAX = 10_000;

export function decide(policy: PolicySnapshot, command: PolicyCommand): Decision<PolicyEvent> {
  const { holders } = policy.context;
  switch (command.type) {
    case 'create':
      return create(policy, command);
    case 'modify':
      return modify(policy, command);
    case 'delete':
      return remove(policy);
    case 'bind':
      if (policy.matches('absent')) return err(UNKNOWN);
      if (holders.includes(command.holder)) return ok({ events: [] });
      if (holders.length >= HOLDERS_MAX)
        return err({
          code: 'policy-holders-too-many',
          message: `a policy counts for at most ${HOLDERS_MAX}; make another one with the same values`,
          field: 'resourcePolicy',
        });
      return ok({ events: [{ type: 'policy-bound', holder: command.holder }] });
    case 'unbind':
      if (!holders.includes(command.holder)) return ok({ events: [] });
      return ok({ events: [{ type: 'policy-unbound', holder: command.holder }] });
    default:
      return unreachable(command);
  }
}

type Command<Type> = Extract<PolicyCommand, { readonly type: Type }>;

function create(state: PolicySnapshot, command: Command<'create'>): Decision<PolicyEvent> {
  const { name, policy } = command;
  if (state.matches('absent')) return ok({ events: [{ type: 'policy-set', name, policy }] });
  if (isSame(state.context.policy, policy)) return ok({ events: [] });
  return err({
    code: 'policy-exists',
    message: 'there is a policy of this name; modify it, or delete it first',
    field: 'name',
  });
}

function modify(state: PolicySnapshot, { changes }: Command<'modify'>): Decision<PolicyEvent> {
  if (state.matches('absent')) return err(UNKNOWN);
  const before = known(state.context.policy);
  const [strange] = Object.entries(changes).filter(
    ([field, value]) => value !== undefined && !(field in before),
  );
  if (strange !== undefined)
    return err({
      code: 'policy-invalid',
      message: `a ${before.kind} resource policy has no such field`,
      field: strange[0],
    });
  const given = Object.entries(changes).filter(([, value]) => value !== undefined);
  const policy = ResourcePolicy.parse({ ...before, ...Object.fromEntries(given) });
  if (isSame(before, policy)) return ok({ events: [] });
  return ok({ events: [{ type: 'policy-set', name: known(state.context.name), policy }] });
}

function remove(state: PolicySnapshot): Decision<PolicyEvent> {
  if (state.matches('absent')) return ok({ events: [] });
  const { name, holders } = state.context;
  if (name === DEFAULT_POLICY)
    return err({
      code: 'policy-default',
      message: `the policy ${DEFAULT_POLICY} is always there; it can be changed only`,
      field: 'name',
    });
  if (holders.length > 0)
    return err({
      code: 'policy-in-use',
      message: `the policy counts for ${holders.length} key pair(s), user(s) or project(s)`,
      field: 'name',
      details: { holders: holders.length },
    });
  return ok({ events: [{ type: 'policy-deleted' }] });
}

const UNKNOWN: Rejection = {
  code: 'policy-unknown',
  message: 'there is no such resource policy',
  field: 'name',
};

function isSame(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}
