import { err, type ImageCommand, type ImageEvent, ok, unreachable } from '@orrery/bus';
import type { Decision } from '../runtime/aggregate.ts';
import type { ImageSnapshot } from './machine.ts';

export function decide(image: ImageSnapshot, command: ImageCommand): Decision<ImageEvent> {
  const isAbsent = image.matches('absent');
  switch (command.type) {
    case 'register':
      return ok({
        events: isAbsent ? [{ type: 'image-registered', reference: command.reference }] : [],
      });
    case 'report': {
      const { reference, node, facts } = command;
      const events: ImageEvent[] = isAbsent ? [{ type: 'image-registered', reference }] : [];
      if (JSON.stringify(image.context.nodes[node]) !== JSON.stringify(facts)) {
        events.push({ type: 'image-found', node, facts });
      }
      return ok({ events });
    }
    case 'report-gone': {
      const isThere = image.context.nodes[command.node] !== undefined;
      return ok({
        events: isThere && !isAbsent ? [{ type: 'image-gone', node: command.node }] : [],
      });
    }
    case 'forget':
      if (isAbsent)
        return err({
          code: 'image-unknown',
          message: 'there is no such image',
          field: 'reference',
        });
      return ok({ events: [{ type: 'image-forgotten' }] });
    default:
      return unreachable(command);
  }
}
