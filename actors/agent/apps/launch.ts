import type { AppOptions } from '@orrery/bus';
import { AppRefused } from './errors.ts';
import type { ServiceDefinition } from './service-definition.ts';
import { interpolate, type TemplateVariables } from './template.ts';

/** What is run, and with what besides the kernel's own environment. */
export interface AppLaunch {
  readonly command: readonly string[];
  readonly environ: Readonly<Record<string, string>>;
}

/**
 * What a person gives besides is what the definition allows, and nothing that the kernel has set already.
 * @throws {AppRefused} `app-argument-disallowed` | `app-environment-disallowed`
 */
export function checkOptions(
  { allowedArguments, allowedEnviron }: ServiceDefinition,
  options: AppOptions,
  /** Names of variables that are set in the kernel. */
  taken: ReadonlySet<string>,
): void {
  const argument = Object.keys(options.arguments).find((name) => !allowedArguments.includes(name));
  if (argument !== undefined)
    throw new AppRefused(
      'app-argument-disallowed',
      `the app takes no argument ${argument}; ${listed(allowedArguments)}`,
    );
  const names = Object.keys(options.environ);
  const variable = names.find((name) => !allowedEnviron.includes(name));
  if (variable !== undefined)
    throw new AppRefused(
      'app-environment-disallowed',
      `the app takes no variable ${variable}; ${listed(allowedEnviron)}`,
    );
  const set = names.find((name) => taken.has(name));
  if (set !== undefined)
    throw new AppRefused(
      'app-environment-disallowed',
      `the variable ${set} is set in the session already`,
    );
}

/** Undefined: nothing is started. @throws {AppRefused} `app-template-invalid` */
export function appLaunch(
  definition: ServiceDefinition,
  options: AppOptions,
  variables: TemplateVariables,
): AppLaunch | undefined {
  if (definition.isNoop) return undefined;
  const given = { ...definition.defaultArguments, ...options.arguments };
  const words = [
    ...baseCommand(definition),
    ...Object.entries(given).flatMap(([name, value]) => [
      name,
      ...(value === null ? [] : [value].flat()),
    ]),
  ];
  const environ = Object.entries(definition.environ).map(([name, value]) => [
    interpolate(name, variables),
    interpolate(value, variables),
  ]);
  return {
    command: words.map((word) => interpolate(word, variables)),
    environ: { ...options.environ, ...Object.fromEntries(environ) },
  };
}

/** Whether the app is told the path that people see it below, and so makes its links for it. */
export function namesBasePath({
  command,
  environ,
  prestart,
  defaultArguments,
}: ServiceDefinition): boolean {
  const texts = JSON.stringify({ command, environ, prestart, defaultArguments });
  return /\{\s*base_path\b/.test(texts);
}

function baseCommand({ command, shell }: ServiceDefinition): readonly string[] {
  if (typeof command !== 'string') return command;
  return shell === null ? splitWords(command) : [shell, '-c', command];
}

/** As a shell splits a line into words; nothing else of a shell is done. */
export function splitWords(line: string): readonly string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote = '';
  for (let at = 0; at < line.length; at += 1) {
    const character = line[at] ?? '';
    const isEscape = character === '\\' && quote !== "'";
    if (isEscape) {
      at += 1;
      word = `${word ?? ''}${line[at] ?? ''}`;
    } else if (quote !== '') {
      if (character === quote) quote = '';
      else word = `${word ?? ''}${character}`;
    } else if (character === '"' || character === "'") {
      quote = character;
      word ??= '';
    } else if (/\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = `${word ?? ''}${character}`;
    }
  }
  if (quote !== '') throw new AppRefused('app-definition-invalid', 'its command ends in a quote');
  return word === undefined ? words : [...words, word];
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? 'it takes none' : `those are ${names.join(', ')}`;
}
