import type { BatchSteps, RunLanguage } from '@orrery/bus';

/** How a runner is started and spoken to. */
export interface Dialect {
  /** The runner's file among those that are mounted. */
  readonly file: string;
  readonly program: string;
  readonly args?: readonly string[] | undefined;
  readonly hello: (secret: string) => string;
  /** Streams on which it says that it is ready: what came on them before that is of no cell. */
  readonly readyOn: readonly ('stdout' | 'stderr')[];
  /** `cell` numbers the cells of an interpreter. */
  readonly code: (code: string, secret: string, cell: number) => string;
  readonly input: (text: string) => string | undefined;
  readonly interrupt: (secret: string, cell: number) => string;
  /** Undefined: the language has no completion. */
  readonly complete: (request: {
    readonly id: number;
    readonly code: string;
  }) => string | undefined;
  /** What `*` means in a batch; undefined: nothing is done. */
  readonly usual: { readonly build: string | undefined; readonly exec: string };
}

const line = (message: object): string => `${JSON.stringify(message)}\n`;

const spokenInJson = {
  readyOn: ['stdout'],
  hello: (secret: string) => line({ secret }),
  code: (code: string) => line({ kind: 'code', code }),
  input: (text: string) => line({ kind: 'input', text }),
  interrupt: () => line({ kind: 'interrupt' }),
  complete: (request: { readonly id: number; readonly code: string }) =>
    line({ kind: 'complete', ...request }),
} as const;

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** An error inside it must not drop the line that follows. */
function shellCell(code: string, secret: string, cell: number): string {
  return `command eval ${quoted(code)} </dev/null\n${cellIsDone('"$?"', secret, cell)}`;
}

function shellIsReady(secret: string, to: '' | '>&2'): string {
  return `printf '\\000%s.{"kind":"ready"}\\n' '${secret}' ${to}\n`;
}

/** A shell is told what to print when a cell is over. */
function cellIsDone(exitCode: string, secret: string, cell: number): string {
  const head = `printf '\\000%s.{"kind":"done","cell":${cell}`;
  return (
    `__orrery_code=${exitCode}; ${head}}\\n' '${secret}' >&2; ` +
    `${head},"exitCode":%d}\\n' '${secret}' "$__orrery_code"; (exit "$__orrery_code")\n`
  );
}

/** Through the kernel whose name holds the word; what of it the image has is said at the start. */
function jupyter(word: string, exec: string): Dialect {
  return {
    ...spokenInJson,
    file: 'jupyter.py',
    program: 'python3',
    args: [word],
    usual: { build: undefined, exec },
  };
}

export const dialects: Readonly<Record<RunLanguage, Dialect>> = {
  python: {
    ...spokenInJson,
    file: 'python.py',
    program: 'python3',
    usual: {
      build: 'if [ -f setup.py ]; then python3 -m pip install --user -e .; fi',
      exec: 'if [ -f main.py ]; then python3 main.py; else exit 127; fi',
    },
  },
  node: {
    ...spokenInJson,
    file: 'node.mjs',
    program: 'node',
    usual: { build: undefined, exec: 'if [ -f main.js ]; then node main.js; else exit 127; fi' },
  },
  r: jupyter('ir', 'if [ -f main.R ]; then Rscript main.R; else exit 127; fi'),
  julia: jupyter('julia', 'if [ -f main.jl ]; then julia main.jl; else exit 127; fi'),
  shell: {
    file: 'shell.sh',
    program: 'sh',
    // A shell without a terminal complains of that on its way.
    readyOn: ['stdout', 'stderr'],
    hello: (secret) =>
      `${secret}\nunset ENV; PS1= PS2=\n${shellIsReady(secret, '>&2')}${shellIsReady(secret, '')}`,
    code: shellCell,
    input: () => undefined,
    // The interrupt drops what the shell has read ahead, so it is told once more.
    interrupt: (secret, cell) => `${secret} interrupt\n${cellIsDone('130', secret, cell)}`,
    complete: () => undefined,
    usual: { build: undefined, exec: 'if [ -f main.sh ]; then sh main.sh; else exit 127; fi' },
  },
};

export type Step = 'clean' | 'build' | 'exec';

/** The shell command of a step; undefined: there is nothing to do. */
export function stepCommand(
  step: Step,
  steps: BatchSteps,
  language: RunLanguage,
): string | undefined {
  const asked = steps[step];
  if (asked === undefined || asked === null || asked === '') return undefined;
  if (asked !== '*') return asked;
  const { usual } = dialects[language];
  switch (step) {
    case 'clean':
      return undefined;
    case 'build':
      return `if [ -f Makefile ]; then make; else :; ${usual.build ?? ':'}; fi`;
    case 'exec':
      return usual.exec;
  }
}
