import { readFileSync } from 'node:fs';
import { parse } from 'smol-toml';
import { z } from 'zod';
import { NodeName } from './contracts/node.ts';
import { SettingsInvalid } from './errors.ts';

const Port = z.int().min(0).max(65_535);

const HostName = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);

/** One file for all processes; each reads the sections it needs. Unknown keys are refused. */
export const Settings = z.strictObject({
  bus: z.strictObject({
    servers: z.array(z.string()).min(1),
    user: z.string().optional(),
    password: z.string().optional(),
    replicas: z.int().min(1).max(5).default(1),
    partitions: z.int().min(1).max(256).default(8),
    /** Commands that wait in all inboxes together, above which those of users are refused; else 50,000. */
    commandsWaitingMax: z.int().min(1).optional(),
  }),
  postgres: z.strictObject({ url: z.string() }),
  control: z
    .strictObject({
      statusPort: Port.default(0),
      /**
       * Name of this control process among those of the cluster. A process that starts under the name of
       * another one replaces it. Absent: the machine's name with the process id.
       */
      host: HostName.optional(),
    })
    .default({ statusPort: 0 }),
  projector: z.strictObject({ statusPort: Port.default(0) }).default({ statusPort: 0 }),
  gateway: z.strictObject({
    host: z.string().default('127.0.0.1'),
    port: Port.default(8090),
    /** Base64 of 32 random bytes: seals key-pair secrets and signs tokens. */
    masterKey: z.string(),
    /** File (mode 0600) with the first administrator to register when it is not there yet. */
    administratorFile: z.string().optional(),
    /** Image of a session that names none; absent: chosen among the registered images. */
    defaultImage: z.string().optional(),
  }),
  agent: z
    .strictObject({
      node: NodeName.default('local'),
      driver: z.enum(['auto', 'docker', 'process', 'simulated']).default('auto'),
      dataDirectory: z.string(),
      dockerSocket: z.string().optional(),
      resourceGroup: z.string().default('default'),
      reservedCpu: z.string().default('0'),
      reservedMemory: z.string().default('1g'),
      /** Number of nodes that one simulated agent process plays, named `<node>-0`, `<node>-1`, … */
      simulatedNodes: z.int().min(1).max(10_000).default(1),
    })
    .optional(),
  logging: z
    .strictObject({ level: z.enum(['debug', 'info', 'warn', 'error']).default('info') })
    .default({ level: 'info' }),
  tracing: z
    .strictObject({
      /** OTLP/HTTP endpoint; absent: `OTEL_EXPORTER_OTLP_ENDPOINT`, else none. */
      endpoint: z.string().optional(),
      /** File to which finished spans are appended as NDJSON; for development and tests. */
      file: z.string().optional(),
    })
    .default({}),
});
export type Settings = Readonly<z.infer<typeof Settings>>;

/**
 * The settings of a TOML file.
 * @throws {SettingsInvalid} naming the file, the key and the rule.
 */
export function readSettings(path: string): Settings {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new SettingsInvalid(`the settings file ${path} cannot be read`, { cause });
  }
  return parseSettings(text, path);
}

export function parseSettings(text: string, path: string): Settings {
  let values: unknown;
  try {
    values = parse(text);
  } catch (cause) {
    throw new SettingsInvalid(`the settings file ${path} is not TOML: ${String(cause)}`, { cause });
  }
  const parsed = Settings.safeParse(values);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const key = issue?.path.join('.') || '(top level)';
  throw new SettingsInvalid(`the settings file ${path} is wrong at ${key}: ${issue?.message}`);
}
