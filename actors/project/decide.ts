import {
  err,
  known,
  ok,
  type ProjectCommand,
  type ProjectEvent,
  type ProjectSettings,
  type Rejection,
  unreachable,
} from '@orrery/bus';
import type { Decision } from '../runtime/aggregate.ts';
import type { ProjectSnapshot } from './machine.ts';

export function decide(project: ProjectSnapshot, command: ProjectCommand): Decision<ProjectEvent> {
  switch (command.type) {
    case 'create':
      return create(project, command);
    case 'modify': {
      if (!project.matches('present')) return err(UNKNOWN);
      const changes = differences(known(project.context.settings), command.changes);
      if (Object.keys(changes).length === 0) return ok({ events: [] });
      return ok({ events: [{ type: 'project-changed', changes }] });
    }
    case 'purge':
      return ok({ events: project.matches('present') ? [{ type: 'project-purged' }] : [] });
    default:
      return unreachable(command);
  }
}

/** The id follows from the name, so two of one name meet here; who comes second may take another id. */
function create(
  project: ProjectSnapshot,
  command: Extract<ProjectCommand, { readonly type: 'create' }>,
): Decision<ProjectEvent> {
  const { domain, projectType, settings } = command;
  if (project.matches('absent'))
    return ok({ events: [{ type: 'project-created', domain, projectType, settings }] });
  const isOther = project.matches('purged') || project.context.settings?.name !== settings.name;
  if (isOther) return err({ code: 'project-id-taken', message: 'another project has had this id' });
  if (isSame(project.context.settings, settings)) return ok({ events: [] });
  return err({
    code: 'project-exists',
    message: 'there is a project of this name in the domain; modify it, or purge it first',
    field: 'name',
  });
}

const UNKNOWN: Rejection = {
  code: 'project-unknown',
  message: 'there is no such project, or none that you may see',
  field: 'id',
};

/** Those of the changes that change something. */
function differences(
  settings: ProjectSettings,
  changes: Extract<ProjectCommand, { readonly type: 'modify' }>['changes'],
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
