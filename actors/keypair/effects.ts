import { directoryId, type PolicyCommand } from '@orrery/bus';
import type { Effect, Outgoing } from '../runtime/aggregate.ts';
import type { KeypairSnapshot } from './machine.ts';

/** Policies learn for which key pairs they count. */
export function messages(
  effect: Effect,
  _keypair: KeypairSnapshot,
  { id }: { readonly id: string },
): readonly Outgoing[] {
  const { before, after } = effect.params as { readonly before?: string; readonly after?: string };
  return before === after ? [] : [...told(before, 'unbind', id), ...told(after, 'bind', id)];
}

function told(
  name: string | undefined,
  type: 'bind' | 'unbind',
  holder: string,
): readonly Outgoing[] {
  if (name === undefined) return [];
  const command: PolicyCommand = { type, holder };
  const policy = directoryId('policy', 'keypair', name);
  return [{ to: 'actor', aggregate: 'policy', id: policy, command }];
}
