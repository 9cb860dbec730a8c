import { z } from 'zod';
import { SettingsInvalid } from './errors.ts';

const PREFIX = 'ORRERY_';

/** Variables of our name that are no settings: they speak to the command line, to tests and to tools. */
const NO_SETTINGS: ReadonlySet<string> = new Set([
  'ORRERY_CONFIG_DIRECTORY',
  'ORRERY_DEBUG',
  'ORRERY_DETACHED',
  'ORRERY_FIRST_SEED',
  'ORRERY_NATS_SERVER',
  'ORRERY_NVML_LIBRARY',
  'ORRERY_NVML_STUB',
  'ORRERY_PROFILE',
  'ORRERY_SEED',
  'ORRERY_SEEDS',
  'ORRERY_SIMULATION',
  'ORRERY_WRITE_GOLDEN',
]);
const TESTS = 'ORRERY_TEST_';

type Parse = (text: string) => unknown;

/** One setting that is no section: where it lies, and how its text is read. */
interface Leaf {
  readonly path: readonly string[];
  readonly parse: Parse;
}

/**
 * The values of a settings file with those of the environment over them, and by key from which variable
 * each of these came. The name of a variable follows from its setting: `bus.commandsWaitingMax` is
 * `ORRERY_BUS_COMMANDS_WAITING_MAX`; lists are separated by commas.
 * @throws {SettingsInvalid} naming a variable that is no setting.
 */
export function withEnviron(
  schema: z.ZodType,
  values: unknown,
  environ: Readonly<Record<string, string | undefined>>,
): { readonly merged: unknown; readonly sources: ReadonlyMap<string, string> } {
  const leaves = new Map(
    leavesOf(schema, []).map((leaf) => [variableOf(leaf.path), leaf] as const),
  );
  const sources = new Map<string, string>();
  let merged = values;
  for (const [name, text] of Object.entries(environ)) {
    if (!name.startsWith(PREFIX) || text === undefined) continue;
    if (NO_SETTINGS.has(name) || name.startsWith(TESTS)) continue;
    const leaf = leaves.get(name);
    if (leaf === undefined)
      throw new SettingsInvalid(`the environment has ${name}, and there is no such setting`);
    merged = placed(merged, leaf.path, leaf.parse(text));
    sources.set(leaf.path.join('.'), `the variable ${name}`);
  }
  return { merged, sources };
}

function variableOf(path: readonly string[]): string {
  const words = path.map((word) => word.replaceAll(/[A-Z]/g, (letter) => `_${letter}`));
  return `${PREFIX}${words.join('_').toUpperCase()}`;
}

function leavesOf(schema: z.ZodType, path: readonly string[]): readonly Leaf[] {
  const inner = unwrapped(schema);
  if (inner instanceof z.ZodObject) {
    const shape: Readonly<Record<string, z.ZodType>> = inner.shape;
    return Object.entries(shape).flatMap(([key, value]) => leavesOf(value, [...path, key]));
  }
  return [{ path, parse: parseOf(inner) }];
}

/** Without what says only that it may be left out. */
function unwrapped(schema: z.ZodType): z.ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault) {
    const inner = schema.unwrap();
    return inner instanceof z.ZodType ? unwrapped(inner) : schema;
  }
  return schema;
}

/** What is no number or boolean after all is left to the schema to refuse. */
function parseOf(schema: z.ZodType): Parse {
  if (schema instanceof z.ZodArray) return (text) => text.split(',').map((part) => part.trim());
  if (schema instanceof z.ZodNumber) return (text) => (text.trim() === '' ? text : Number(text));
  if (schema instanceof z.ZodBoolean)
    return (text) => (text === 'true' || text === 'false' ? text === 'true' : text);
  return (text) => text;
}

/** A copy with the value at the path; what is no table in its way is left for the schema to refuse. */
function placed(values: unknown, [key = '', ...rest]: readonly string[], value: unknown): unknown {
  if (values !== undefined && (typeof values !== 'object' || values === null)) return values;
  const table: Readonly<Record<string, unknown>> = { ...values };
  return { ...table, [key]: rest.length === 0 ? value : placed(table[key], rest, value) };
}
