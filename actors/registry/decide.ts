import {
  err,
  ok,
  type RegistryCommand,
  type RegistryEvent,
  type Rejection,
  unreachable,
} from '@orrery/bus';
import type { Decision } from '../runtime/aggregate.ts';
import type { RegistrySnapshot } from './machine.ts';

const UNKNOWN: Rejection = {
  code: 'registry-unknown',
  message: 'there is no such registry',
  field: 'name',
};
const EXISTS: Rejection = {
  code: 'registry-exists',
  message: 'there is a registry of this name with another URL; modify it, or delete it first',
  field: 'name',
};

export function decide(
  registry: RegistrySnapshot,
  command: RegistryCommand,
): Decision<RegistryEvent> {
  const isAbsent = registry.matches('absent');
  switch (command.type) {
    case 'create': {
      const { name, url } = command;
      if (!isAbsent && registry.context.url !== url) return err(EXISTS);
      const created: readonly RegistryEvent[] = isAbsent
        ? [{ type: 'registry-created', name, url }]
        : [];
      const from = isAbsent ? { url, project: null, login: null } : registry.context;
      return ok({ events: [...created, ...changesOf(from, command)] });
    }
    case 'modify':
      return isAbsent ? err(UNKNOWN) : ok({ events: changesOf(registry.context, command) });
    case 'delete':
      return ok({ events: isAbsent ? [] : [{ type: 'registry-deleted' }] });
    default:
      return unreachable(command);
  }
}

/** A password that is sealed again looks like another one: whether it is the same is not to be seen here. */
function changesOf(
  from: RegistrySnapshot['context'],
  { url, project, login }: Omit<Extract<RegistryCommand, { readonly type: 'modify' }>, 'type'>,
): readonly RegistryEvent[] {
  const events: RegistryEvent[] = [];
  if (url !== undefined && url !== from.url) events.push({ type: 'registry-url-set', url });
  if (project !== undefined && project !== from.project)
    events.push({ type: 'registry-project-set', project });
  if (login === null && from.login !== null) events.push({ type: 'registry-login-removed' });
  const isOther =
    login?.username !== from.login?.username ||
    login?.sealedPassword !== from.login?.sealedPassword;
  if (login !== undefined && login !== null && isOther)
    events.push({ type: 'registry-login-set', ...login });
  return events;
}
