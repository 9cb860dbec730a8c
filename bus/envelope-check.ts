import {
  Actor,
  AGGREGATE_ID,
  AggregateName,
  type CommandEnvelope,
  type Commit,
  type Outcome,
} from './envelope.ts';

/**
 * The same as the schemas of `envelope.ts` by hand, without a copy: there is one for everything that is
 * read. What is refused here goes through its schema, which tells why.
 */

const AGGREGATES: ReadonlySet<unknown> = new Set(AggregateName.options);
const KINDS: ReadonlySet<unknown> = new Set(Actor.shape.kind.options);
const ID_CHARACTERS_MAX = 256;

type Fields = Readonly<Record<string, unknown>>;

export function isCommit(value: unknown): value is Commit {
  if (!isObject(value)) return false;
  return (
    typeof value['id'] === 'string' &&
    isPlace(value) &&
    isCount(value['firstRevision'], 1) &&
    isCount(value['schemaVersion'], 1) &&
    isNumber(value['recordedAtMs']) &&
    isActor(value['actor']) &&
    typeof value['commandId'] === 'string' &&
    typeof value['commandType'] === 'string' &&
    isCount(value['inboxSequence'], 0) &&
    isAbsentOr(value['commands'], areCommands) &&
    isAbsentOr(value['traceparent'], isString) &&
    typeof value['previousHash'] === 'string' &&
    areTyped(value['events'])
  );
}

export function isCommandEnvelope(
  value: unknown,
): value is CommandEnvelope<{ readonly type: string }> {
  if (!isObject(value)) return false;
  const { id } = value as { readonly id?: unknown };
  return (
    typeof id === 'string' &&
    id.length > 0 &&
    id.length <= ID_CHARACTERS_MAX &&
    isPlace(value) &&
    isActor(value['actor']) &&
    isNumber(value['sentAtMs']) &&
    isAbsentOr(value['traceparent'], isString) &&
    isAbsentOr(value['replyTo'], isString) &&
    isAbsentOr(value['againAfter'], (place) => isCount(place, 0)) &&
    isTyped(value['command'])
  );
}

export function isAccepted(value: unknown): value is Extract<Outcome, { readonly ok: true }> {
  if (!isObject(value)) return false;
  return (
    value['ok'] === true &&
    Number.isSafeInteger(value['revision']) &&
    Number.isSafeInteger(value['sequence']) &&
    isAbsentOr(value['hasChanged'], (has) => typeof has === 'boolean')
  );
}

function isObject(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isPlace(value: Fields): boolean {
  const { aggregate, aggregateId } = value as { readonly [name: string]: unknown };
  return (
    AGGREGATES.has(aggregate) && typeof aggregateId === 'string' && AGGREGATE_ID.test(aggregateId)
  );
}

function isActor(value: unknown): boolean {
  return (
    isObject(value) &&
    KINDS.has(value['kind']) &&
    typeof value['id'] === 'string' &&
    value['id'].length > 0
  );
}

function areCommands(value: unknown): boolean {
  const isCommand = (one: unknown): boolean =>
    isObject(one) &&
    typeof one['id'] === 'string' &&
    typeof one['type'] === 'string' &&
    isCount(one['inboxSequence'], 0) &&
    isAbsentOr(one['actor'], isActor);
  return Array.isArray(value) && value.every(isCommand);
}

function areTyped(value: unknown): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(isTyped);
}

function isTyped(value: unknown): boolean {
  return isObject(value) && typeof value['type'] === 'string';
}

function isCount(value: unknown, least: number): boolean {
  return Number.isSafeInteger(value) && (value as number) >= least;
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number' && Number.isFinite(value);
}

function isString(value: unknown): boolean {
  return typeof value === 'string';
}

function isAbsentOr(value: unknown, check: (value: unknown) => boolean): boolean {
  return value === undefined || check(value);
}
