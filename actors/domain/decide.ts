import {
  type DomainCommand,
  type DomainEvent,
  type DomainSettings,
  err,
  known,
  ok,
  unreachable,
} from '@orrery/bus';
import type { Decision } from '../runtime/aggregate.ts';
import type { DomainSnapshot } from './machine.ts';

export function decide(domain: DomainSnapshot, command: DomainCommand): Decision<DomainEvent> {
  switch (command.type) {
    case 'create': {
      const { name, settings } = command;
      if (domain.matches('absent'))
        return ok({ events: [{ type: 'domain-created', name, settings }] });
      if (domain.matches('purged'))
        return err({
          code: 'domain-purged',
          message: 'a domain of this name was purged; choose another name',
          field: 'name',
        });
      if (isSame(domain.context.settings, settings)) return ok({ events: [] });
      return err({
        code: 'domain-exists',
        message: 'there is a domain of this name; modify it, or purge it first',
        field: 'name',
      });
    }
    case 'modify': {
      if (!domain.matches('present'))
        return err({ code: 'domain-unknown', message: 'there is no such domain', field: 'name' });
      const changes = differences(known(domain.context.settings), command.changes);
      if (Object.keys(changes).length === 0) return ok({ events: [] });
      return ok({ events: [{ type: 'domain-changed', changes }] });
    }
    case 'purge':
      return ok({ events: domain.matches('present') ? [{ type: 'domain-purged' }] : [] });
    default:
      return unreachable(command);
  }
}

/** Those of the changes that change something. */
function differences(
  settings: DomainSettings,
  changes: Extract<DomainCommand, { readonly type: 'modify' }>['changes'],
): typeof changes {
  const known: Readonly<Record<string, unknown>> = settings;
  return Object.fromEntries(
    Object.entries(changes).filter(
      ([name, value]) => value !== undefined && !isSame(known[name], value),
    ),
  );
}

function isSame(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}
