import { z } from 'zod';

/** Programs inside a kernel that are reached at a port of it: its service ports. */

const ARGUMENTS_MAX = 64;
const TEXT_CHARACTERS_MAX = 4_096;

/** Letters, digits, - and _; one of digits alone is the port of that number. */
export const AppName = z
  .string()
  .regex(/^[A-Za-z0-9_-]{1,64}$/, 'up to 64 letters, digits, - and _');

export const AppProtocol = z.enum(['http', 'tcp', 'preopen', 'vnc', 'rdp', 'internal']);
export type AppProtocol = z.infer<typeof AppProtocol>;

const Text = z
  .string()
  .max(TEXT_CHARACTERS_MAX)
  .regex(/^[^\0]*$/, 'no NUL');
const Name = z.string().min(1).max(256);
/** By the name of the argument; null: it has no value. */
const Arguments = z
  .record(Name, z.union([z.null(), Text, z.array(Text).max(ARGUMENTS_MAX)]))
  .refine((given) => Object.keys(given).length <= ARGUMENTS_MAX, `at most ${ARGUMENTS_MAX}`);
export const AppOptions = z.object({
  arguments: Arguments,
  environ: z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, 'it names a variable'), Text)
    .refine((given) => Object.keys(given).length <= ARGUMENTS_MAX, `at most ${ARGUMENTS_MAX}`),
});
export type AppOptions = Readonly<z.infer<typeof AppOptions>>;

const ofKernel = { kernel: z.uuid() };

export const AppRequest = z.discriminatedUnion('kind', [
  /** With `named`, also an app that is a port alone. */
  z.object({ kind: z.literal('app-list'), ...ofKernel, named: AppName.optional() }),
  /** Answered when its port answers; one that runs is left as it is. */
  z.object({
    kind: z.literal('app-start'),
    ...ofKernel,
    app: AppName,
    options: AppOptions,
    /** The path below which people see it, with a slash at both ends. */
    basePath: z.string(),
  }),
  z.object({ kind: z.literal('app-stop'), ...ofKernel, app: AppName }),
]);
export type AppRequest = Readonly<z.infer<typeof AppRequest>>;

export const AppReport = z.object({
  name: z.string(),
  protocol: AppProtocol,
  /** The first is the one that people are brought to. */
  ports: z.array(z.int()),
  /** Who says that the session has it. */
  source: z.enum(['image', 'catalogue', 'session']),
  state: z.enum(['stopped', 'starting', 'running']),
  /** Whether something listens at its first port. */
  isAnswering: z.boolean(),
  /** Whether it was told the path that people see it below; otherwise it believes that it is at `/`. */
  isAtBasePath: z.boolean(),
  urlTemplate: z.string(),
  allowedArguments: z.array(z.string()),
  allowedEnviron: z.array(z.string()),
  /** How it ended when it was last here; absent: it did not. */
  lastEnd: z.object({ exitCode: z.int().nullable(), said: z.string() }).optional(),
});
export type AppReport = Readonly<z.infer<typeof AppReport>>;

export const AppList = z.object({
  apps: z.array(AppReport),
  /** What is wrong with what the image says of its apps. */
  faults: z.array(z.string()),
});
export type AppList = Readonly<z.infer<typeof AppList>>;

export const AppAnswer = z.object({
  app: AppReport,
  /** Whether this request changed something. */
  hasChanged: z.boolean(),
});
export type AppAnswer = Readonly<z.infer<typeof AppAnswer>>;
