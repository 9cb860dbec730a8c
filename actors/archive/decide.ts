import {
  type ArchiveCommand,
  type ArchiveEvent,
  err,
  ok,
  type Rejection,
  unreachable,
} from '@orrery/bus';
import type { Circumstances, Decision } from '../runtime/aggregate.ts';
import type { ArchiveSnapshot } from './machine.ts';

/** Who archives, as its commits name it. */
export const ARCHIVER = { kind: 'system', id: 'archiver' } as const;

/** One segment follows the other, whoever of two archivers comes first. */
export function decide(
  { context }: ArchiveSnapshot,
  command: ArchiveCommand,
  { actor }: Pick<Circumstances, 'actor'>,
): Decision<ArchiveEvent> {
  if (command.type !== 'request-run' && (actor.kind !== 'system' || actor.id !== ARCHIVER.id))
    return err({ code: 'archiver-only', message: 'only the archiver may say what was archived' });
  switch (command.type) {
    case 'request-run':
      return context.run > context.finishedRun
        ? ok({ events: [] })
        : ok({ events: [{ type: 'archive-run-requested', run: context.run + 1 }] });
    case 'anchor': {
      const { segment } = command;
      if (segment.number === context.number && segment.manifestHash === context.manifestHash)
        return ok({ events: [] });
      const follows =
        segment.number === context.number + 1 &&
        segment.previousManifestHash === context.manifestHash;
      if (!follows) return err(outOfOrder(`segment ${segment.number}`, context.number));
      return ok({ events: [{ type: 'segment-archived', segment }] });
    }
    case 'report-purged': {
      const { number } = command;
      if (number <= context.purged) return ok({ events: [] });
      if (number !== context.purged + 1 || number > context.number)
        return err(outOfOrder(`the purge of segment ${number}`, context.purged));
      return ok({ events: [{ type: 'segment-purged', number }] });
    }
    case 'finish-run': {
      const { type: _type, ...counts } = command;
      if (counts.run <= context.finishedRun) return ok({ events: [] });
      if (counts.run > context.run) return err(outOfOrder(`run ${counts.run}`, context.run));
      return ok({ events: [{ type: 'archive-run-finished', ...counts }] });
    }
    default:
      return unreachable(command);
  }
}

function outOfOrder(what: string, newest: number): Rejection {
  return { code: 'archive-out-of-order', message: `${what} does not follow ${newest}` };
}
