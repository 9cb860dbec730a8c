import { err, ok, type Result } from '@orrery/bus';
import { z } from 'zod';

/** How an app is started: what images keep at `/etc/backend.ai/service-defs/NAME.json`. */

const ACTIONS_MAX = 64;
const Ref = {
  ref: z
    .string()
    .regex(/^[A-Za-z_]\w*$/, 'it names a variable')
    .optional(),
};
const Mode = z
  .string()
  .regex(/^[0-7]{3,4}$/, 'such as 644')
  .default('644');

const PrestartAction = z.discriminatedUnion('action', [
  z.strictObject({
    action: z.literal('write_file'),
    args: z.strictObject({
      filename: z.string().min(1),
      body: z.array(z.string()),
      mode: Mode,
      append: z.boolean().default(false),
    }),
    ...Ref,
  }),
  z.strictObject({
    action: z.literal('write_tempfile'),
    args: z.strictObject({ body: z.array(z.string()), mode: Mode }),
    ...Ref,
  }),
  z.strictObject({
    action: z.literal('mkdir'),
    args: z.strictObject({ path: z.string().min(1) }),
    ...Ref,
  }),
  z.strictObject({
    action: z.literal('run_command'),
    args: z.strictObject({ command: z.array(z.string()).min(1), echo: z.boolean().default(false) }),
    ...Ref,
  }),
  z.strictObject({
    action: z.literal('log'),
    args: z.strictObject({ message: z.string(), debug: z.boolean().default(false) }),
    ...Ref,
  }),
]);
export type PrestartAction = Readonly<z.infer<typeof PrestartAction>>;

const Prestart = z.array(PrestartAction).max(ACTIONS_MAX);

/** Fields that are not known are refused: what they should do would silently not be done. */
const Definition = z
  .strictObject({
    command: z.union([z.string(), z.array(z.string())]),
    shell: z.string().min(1).nullable().default('bash'),
    noop: z.boolean().default(false),
    url_template: z.string().default(''),
    prestart: Prestart.optional(),
    prestart_actions: Prestart.optional(),
    env: z.record(z.string(), z.string()).default({}),
    allowed_envs: z.array(z.string()).default([]),
    allowed_arguments: z.array(z.string()).default([]),
    default_arguments: z
      .record(z.string(), z.union([z.null(), z.string(), z.array(z.string())]))
      .default({}),
  })
  .refine((given) => given.prestart === undefined || given.prestart_actions === undefined, {
    message: 'prestart and prestart_actions are the same',
  });

export interface ServiceDefinition {
  readonly command: string | readonly string[];
  /** Runs a command that is one text; null: the text is split into words. */
  readonly shell: string | null;
  /** Nothing is started. */
  readonly isNoop: boolean;
  readonly urlTemplate: string;
  readonly prestart: readonly PrestartAction[];
  readonly environ: Readonly<Record<string, string>>;
  readonly allowedEnviron: readonly string[];
  readonly allowedArguments: readonly string[];
  readonly defaultArguments: Readonly<Record<string, null | string | readonly string[]>>;
}

export function parseDefinition(text: string): Result<ServiceDefinition, string> {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return err('it is not JSON');
  }
  const parsed = Definition.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const place = issue?.path.join('.') ?? '';
    return err(place === '' ? (issue?.message ?? '') : `${place}: ${issue?.message}`);
  }
  const { noop, url_template, prestart, prestart_actions, env, ...rest } = parsed.data;
  return ok({
    command: rest.command,
    shell: rest.shell,
    isNoop: noop,
    urlTemplate: url_template,
    prestart: prestart ?? prestart_actions ?? [],
    environ: env,
    allowedEnviron: rest.allowed_envs,
    allowedArguments: rest.allowed_arguments,
    defaultArguments: rest.default_arguments,
  });
}
