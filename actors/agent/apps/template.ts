import { AppRefused } from './errors.ts';

/** What the expressions of a template may name. */
export type TemplateValue =
  | string
  | number
  | readonly TemplateValue[]
  | { readonly [name: string]: TemplateValue };
export type TemplateVariables = Readonly<Record<string, TemplateValue>>;

/** What comes out may not be longer; a definition can name the output of a program again and again. */
const TEXT_CHARACTERS_MAX = 100_000;
const PIECE = /\$\{\{([^{}]*)\}\}|\$\{[^{}]*\}|\{\{|\}\}|\{([^{}]*)\}|[{}]/g;
const STEP = /^(?:\.([A-Za-z_]\w*)|\[([^[\]]+)\])/;

/**
 * The text with its expressions filled in: `{name}`, `{name[0]}`, `{name[key]}`, `{name.key}`, and the same in
 * `${{ … }}`. `{{` and `}}` stand for braces; what a shell calls `${NAME}` is left alone.
 * @throws {AppRefused} `app-template-invalid`
 */
export function interpolate(text: string, variables: TemplateVariables): string {
  const filled = text.replace(PIECE, (piece: string, wide?: string, plain?: string) => {
    if (wide !== undefined) return evaluate(wide.trim(), variables, text);
    if (plain !== undefined) return evaluate(plain, variables, text);
    if (piece === '{{') return '{';
    if (piece === '}}') return '}';
    if (piece.startsWith('${')) return piece;
    throw invalid(text, 'has a brace by itself; one is written twice');
  });
  if (filled.length <= TEXT_CHARACTERS_MAX) return filled;
  throw invalid(text, `becomes longer than ${TEXT_CHARACTERS_MAX} characters`);
}

function evaluate(expression: string, variables: TemplateVariables, text: string): string {
  const name = /^[A-Za-z_]\w*/.exec(expression)?.[0];
  if (name === undefined || !Object.hasOwn(variables, name))
    throw invalid(text, `names ${JSON.stringify(expression)}, which there is not`);
  let value = variables[name];
  let rest = expression.slice(name.length);
  while (rest !== '') {
    const step = STEP.exec(rest);
    if (step === null) throw invalid(text, `holds ${JSON.stringify(expression)}`);
    value = below(value, step[1] ?? step[2] ?? '');
    rest = rest.slice(step[0].length);
  }
  if (typeof value === 'string' || typeof value === 'number') return String(value);
  throw invalid(text, `names ${JSON.stringify(expression)}, which is no text`);
}

function below(value: TemplateValue | undefined, key: string): TemplateValue | undefined {
  if (typeof value !== 'object') return undefined;
  if (Array.isArray(value)) return /^\d+$/.test(key) ? value[Number(key)] : undefined;
  return Object.entries(value).find(([name]) => name === key)?.[1];
}

function invalid(text: string, why: string): AppRefused {
  const shown = JSON.stringify(text.slice(0, 200));
  return new AppRefused('app-template-invalid', `the template ${shown} ${why}`);
}
