import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { DeployFailure } from './failure.ts';

const DEFAULT_PORT = 8090;
const PORT_MAX = 65_535;
const SIMULATED_NODES_MAX = 10_000;
const drivers = ['auto', 'docker', 'process', 'simulated'] as const;

export type Driver = (typeof drivers)[number];

export interface StartOptions {
  readonly dataDirectory: string;
  /** 0: one that is free. */
  readonly port: number;
  readonly driver: Driver;
  readonly simulatedNodes: number;
  readonly isDetached: boolean;
}

export const startUsage =
  'npm start -- [--data-dir DIR] [--port N] [--driver auto|docker|process|simulated] [--simulated-nodes N] [--detach]';
export const stopUsage = 'npm stop -- [--data-dir DIR]';

/** @throws {DeployFailure} `deploy.option-invalid` naming the option and the rule. */
export function parseStartOptions(args: readonly string[]): StartOptions {
  const values = parse(args, startUsage, {
    'data-dir': { type: 'string' },
    port: { type: 'string' },
    driver: { type: 'string' },
    'simulated-nodes': { type: 'string' },
    detach: { type: 'boolean' },
  });
  const driver = drivers.find((each) => each === (values['driver'] ?? 'auto'));
  if (driver === undefined)
    throw invalid(`--driver must be one of ${drivers.join(', ')}, not "${values['driver']}".`);
  return {
    dataDirectory: directoryOf(values['data-dir']),
    port: parseCount('--port', values['port'] ?? String(DEFAULT_PORT), [0, PORT_MAX]),
    driver,
    simulatedNodes: parseCount('--simulated-nodes', values['simulated-nodes'] ?? '1', [
      1,
      SIMULATED_NODES_MAX,
    ]),
    isDetached: values['detach'] === true,
  };
}

/** The data directory that `stop` is meant for. @throws {DeployFailure} `deploy.option-invalid`. */
export function parseStopOptions(args: readonly string[]): string {
  return directoryOf(parse(args, stopUsage, { 'data-dir': { type: 'string' } })['data-dir']);
}

type Values = Readonly<Record<string, string | boolean | undefined>>;

function parse(
  args: readonly string[],
  usage: string,
  options: Readonly<Record<string, { readonly type: 'string' | 'boolean' }>>,
): Values {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: false }).values as Values;
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.split('. ')[0] : String(cause);
    throw invalid(`${reason}. Usage: ${usage}`, cause);
  }
}

function directoryOf(value: string | boolean | undefined): string {
  if (value === '') throw invalid('--data-dir needs the path of a directory.');
  return resolve(typeof value === 'string' ? value : join(homedir(), '.orrery'));
}

function parseCount(
  name: string,
  value: string | boolean,
  [least, most]: readonly [number, number],
): number {
  const count = typeof value === 'string' && /^\d{1,6}$/.test(value) ? Number(value) : Number.NaN;
  if (count >= least && count <= most) return count;
  throw invalid(`${name} must be a whole number from ${least} to ${most}, not "${value}".`);
}

function invalid(sentence: string, cause?: unknown): DeployFailure {
  return new DeployFailure('deploy.option-invalid', sentence, { cause });
}
