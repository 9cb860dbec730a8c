import {
  err,
  type ImageCommand,
  type ImageEvent,
  ok,
  type Rejection,
  unreachable,
} from '@orrery/bus';
import type { Decision } from '../runtime/aggregate.ts';
import type { ImageSnapshot } from './machine.ts';

const UNKNOWN: Rejection = {
  code: 'image-unknown',
  message: 'there is no such image',
  field: 'reference',
};
const ALIAS_UNKNOWN: Rejection = {
  code: 'alias-unknown',
  message: 'there is no such alias',
  field: 'alias',
};
const IS_ALIAS: Rejection = {
  code: 'alias-exists',
  message: 'this name is an alias of another image; take the alias away first',
  field: 'reference',
};
const IS_IMAGE: Rejection = {
  code: 'image-exists',
  message: 'there is an image of this name, which cannot stand for another one',
  field: 'alias',
};
const OWN_TARGET: Rejection = {
  code: 'alias-invalid',
  message: 'an alias stands for another name than its own',
  field: 'target',
};

export function decide(image: ImageSnapshot, command: ImageCommand): Decision<ImageEvent> {
  const isAbsent = image.matches('absent');
  const isAlias = image.matches('alias');
  switch (command.type) {
    case 'register':
      if (isAlias) return err(IS_ALIAS);
      return ok({ events: registered(isAbsent, command) });
    case 'report':
      // A node may have pulled what is called so here; nobody can name it.
      if (isAlias) return ok({ events: [] });
      return ok({ events: [...registered(isAbsent, command), ...found(image, command)] });
    case 'report-gone': {
      const isThere = image.context.nodes[command.node] !== undefined;
      const events: ImageEvent[] = [{ type: 'image-gone', node: command.node }];
      return ok({ events: isThere && image.matches('registered') ? events : [] });
    }
    case 'report-scan':
      if (isAlias) return err(IS_ALIAS);
      return ok({ events: [...registered(isAbsent, command), ...scanned(image, command)] });
    case 'forget':
      return image.matches('registered')
        ? ok({ events: [{ type: 'image-forgotten' }] })
        : err(UNKNOWN);
    case 'alias':
      return aliased(image, command);
    case 'dealias':
      return isAlias ? ok({ events: [{ type: 'image-dealiased' }] }) : err(ALIAS_UNKNOWN);
    default:
      return unreachable(command);
  }
}

function registered(
  isAbsent: boolean,
  { reference }: { readonly reference: string },
): readonly ImageEvent[] {
  return isAbsent ? [{ type: 'image-registered', reference }] : [];
}

function found(
  { context }: ImageSnapshot,
  { node, facts }: Extract<ImageCommand, { readonly type: 'report' }>,
): readonly ImageEvent[] {
  return isSame(context.nodes[node], facts) ? [] : [{ type: 'image-found', node, facts }];
}

function scanned(
  { context }: ImageSnapshot,
  { platforms }: Extract<ImageCommand, { readonly type: 'report-scan' }>,
): readonly ImageEvent[] {
  return isSame(context.platforms, platforms) ? [] : [{ type: 'image-scanned', platforms }];
}

function aliased(
  image: ImageSnapshot,
  { alias, target }: Extract<ImageCommand, { readonly type: 'alias' }>,
): Decision<ImageEvent> {
  if (image.matches('registered')) return err(IS_IMAGE);
  if (alias === target) return err(OWN_TARGET);
  if (image.matches('alias') && image.context.target === target) return ok({ events: [] });
  return ok({ events: [{ type: 'image-aliased', alias, target }] });
}

function isSame(left: unknown, right: unknown): boolean {
  return JSON.stringify(left) === JSON.stringify(right);
}
