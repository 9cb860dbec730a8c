import type { Rejection, Result } from '@orrery/bus';
import { err, ok } from '@orrery/bus';
import type { z } from 'zod';
import { RequestFailed } from '../errors.ts';

/** @throws {RequestFailed} `INPUT_INVALID` naming the argument. For operations without a refusal in their answer. */
export function parseArguments<Schema extends z.ZodType>(
  schema: Schema,
  unparsed: unknown,
): z.infer<Schema> {
  const parsed = safeParseArguments(schema, unparsed);
  if (parsed.ok) return parsed.value;
  const { message, field } = parsed.error;
  throw new RequestFailed('INPUT_INVALID', message, { field });
}

/** Refused with `input-invalid` and the argument's name. */
export function safeParseArguments<Schema extends z.ZodType>(
  schema: Schema,
  unparsed: unknown,
): Result<z.infer<Schema>, Rejection> {
  const parsed = schema.safeParse(withoutNulls(unparsed, NULL_DEPTH));
  if (parsed.success) return ok(parsed.data);
  const [issue] = parsed.error.issues;
  const path = issue?.path.filter((part) => part !== 'input').join('.') ?? '';
  const field = path === '' ? undefined : path;
  return err({
    code: 'input-invalid',
    message: `${field ?? 'The input'} is not valid: ${issue?.message ?? 'unknown reason'}`,
    field,
  });
}

/** The arguments and the input object among them; what lies deeper is somebody's own JSON. */
const NULL_DEPTH = 2;

/** In GraphQL a null argument is one that was left out. */
function withoutNulls(value: unknown, depth: number): unknown {
  if (depth === 0 || typeof value !== 'object' || value === null || Array.isArray(value))
    return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, entry]) => entry !== null)
      .map(([name, entry]) => [name, withoutNulls(entry, depth - 1)]),
  );
}
