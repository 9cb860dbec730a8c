import { readFileSync } from 'node:fs';
import { basename, extname } from 'node:path';
import { parse } from 'smol-toml';
import { UsageWrong } from '../errors.ts';

const NAME_CHARACTERS_MAX = 64;

/** Options whose values are words: in files as in the other commands, in lower case with hyphens. */
const WORDS = ['scheduler', 'agentSelectionStrategy', 'reservation', 'allowedSessionTypes'];
const PREEMPTION_WORDS = ['order', 'mode', 'victimScope'];

/**
 * Options of a resource group from a file in TOML or JSON, by the names they have in the API, called as the file.
 * Which there are, and what each may be, the gateway knows. @throws {UsageWrong}
 */
export function readPolicyFile(path: string): Readonly<Record<string, unknown>> {
  const options = parseFile(path);
  if (options['name'] !== undefined)
    throw new UsageWrong(`${path}: name is no option of a policy; it is called as its file`);
  const { preemption } = options;
  const name = basename(path, extname(path)).replaceAll(/[^A-Za-z0-9_.-]/g, '-');
  return {
    ...withWords(options, WORDS),
    ...(isRecord(preemption) ? { preemption: withWords(preemption, PREEMPTION_WORDS) } : {}),
    name: name.replace(/^[^A-Za-z0-9]+/, '').slice(0, NAME_CHARACTERS_MAX) || 'policy',
  };
}

function parseFile(path: string): Readonly<Record<string, unknown>> {
  let parsed: unknown;
  try {
    const text = readFileSync(path, 'utf8');
    parsed = extname(path).toLowerCase() === '.json' ? JSON.parse(text) : parse(text);
  } catch (cause) {
    const message = cause instanceof Error ? cause.message.trim().split('\n')[0] : String(cause);
    throw new UsageWrong(`the policy ${path} cannot be read: ${message}`, { cause });
  }
  if (!isRecord(parsed)) throw new UsageWrong(`the policy ${path} holds no options by name`);
  return parsed;
}

function withWords(
  options: Readonly<Record<string, unknown>>,
  names: readonly string[],
): Readonly<Record<string, unknown>> {
  const entries = Object.entries(options).map(([name, value]) => [
    name,
    names.includes(name) ? wordOf(value) : value,
  ]);
  return Object.fromEntries(entries);
}

function wordOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(wordOf);
  return typeof value === 'string' ? value.toUpperCase().replaceAll('-', '_') : value;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
