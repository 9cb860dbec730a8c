import { readFileSync } from 'node:fs';
import { parse } from 'smol-toml';
import { z } from 'zod';
import { ComputeSettings } from './compute-settings.ts';
import { NodeName } from './contracts/node.ts';
import { SettingsInvalid } from './errors.ts';
import { withEnviron } from './settings-environ.ts';

const Port = z.int().min(0).max(65_535);

const HostName = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);

/** Paths of PEM files. A certificate of our own goes with its key. */
const ClientTls = z
  .strictObject({
    /** Who signed the server's certificate; absent: those whom the machine trusts. */
    ca: z.string().optional(),
    cert: z.string().optional(),
    key: z.string().optional(),
  })
  .refine(({ cert, key }) => (cert === undefined) === (key === undefined), {
    message: 'cert and key go together',
  });

const S3Settings = z.strictObject({
  /** Such as `https://s3.eu-central-1.amazonaws.com`; the bucket is put into the path. */
  endpoint: z.url({ protocol: /^https?$/ }),
  region: z.string().min(1).default('us-east-1'),
  bucket: z.string().regex(/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/),
  /** Before the name of each object, without slashes at its ends. */
  prefix: z
    .string()
    .regex(/^([A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)*)?$/)
    .default(''),
  accessKey: z.string().min(1),
  /** File (mode 0600) with the secret key. */
  secretKeyFile: z.string(),
});

/** Where old events go, and when. Every process that reads the log needs it. */
const ArchiveSettings = z
  .strictObject({
    /** Absolute; the same for all processes. Either this or `s3`. */
    directory: z.string().startsWith('/').optional(),
    s3: S3Settings.optional(),
    /** Days after its last event at which something that is over leaves the stream. */
    horizonDays: z.number().min(0).max(36_500).default(90),
    /** Minutes between a segment's being archived and its events' leaving the stream. */
    purgeDelayMinutes: z.number().min(0).max(1_440).default(10),
  })
  .refine(({ directory, s3 }) => (directory === undefined) !== (s3 === undefined), {
    error: 'either directory or s3 must be given, and not both',
  });
export type ArchiveSettings = Readonly<z.infer<typeof ArchiveSettings>>;

/** Where an agent's images come from, and when they go. */
const ImageSettings = z.strictObject({
  /**
   * When an image is got from its registry: `tag`: it is not on the node; `digest`: also when its tag stands
   * for another image by now; `none`: never.
   */
  pullPolicy: z.enum(['digest', 'tag', 'none']).default('tag'),
  /** Hours without a use after which an image that the agent pulled is removed; 0: never for its age. */
  unusedHoursMax: z.number().min(0).max(87_600).default(336),
  /** Below this share of the disk, in percent, images that nobody uses are removed, the longest unused first. */
  freePercentMin: z.number().min(0).max(90).default(10),
});

/** One file for all processes; each reads the sections it needs. Unknown keys are refused. */
export const Settings = z.strictObject({
  bus: z.strictObject({
    servers: z.array(z.string()).min(1),
    user: z.string().optional(),
    password: z.string().optional(),
    /** File (mode 0600) with the seed of an nkey, instead of user and password. */
    nkeySeedFile: z.string().optional(),
    /** Present: nothing is said to a server but over TLS. */
    tls: ClientTls.optional(),
    /** Whether this process makes the streams (so when absent), or waits until another has. */
    streams: z.enum(['make', 'expect']).optional(),
    replicas: z.int().min(1).max(5).default(1),
    partitions: z.int().min(1).max(256).default(8),
    /** Commands that wait in all inboxes together, above which those of users are refused; else 50,000. */
    commandsWaitingMax: z.int().min(1).optional(),
  }),
  postgres: z.strictObject({ url: z.string(), tls: ClientTls.optional() }),
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
    /** Paths of PEM files; present: the gateway speaks HTTPS. */
    tls: z.strictObject({ cert: z.string(), key: z.string() }).optional(),
    /** Addresses, or ranges of them, of proxies whose word on where a request comes from is taken. */
    trustedProxies: z.array(z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()])).optional(),
    /** Base64 of 32 random bytes: seals key-pair secrets and signs tokens. */
    masterKey: z.string(),
    /** File (mode 0600) with the first administrator to register when it is not there yet. */
    administratorFile: z.string().optional(),
    /** Absent: sessions are not reached over SSH. */
    ssh: z
      .strictObject({
        host: z.string().default('127.0.0.1'),
        port: Port.default(8022),
        /** Made with a new key when there is none (mode 0600); several gateways share one. */
        hostKeyFile: z.string().startsWith('/'),
        /** Where clients are told to connect; absent: where the gateway is reached. */
        publicHost: z.string().min(1).optional(),
        publicPort: Port.optional(),
        connectionsPerUserMax: z.int().min(1).max(10_000).default(64),
        /** A connection on which nothing came or went for so long is ended. Minutes; 0: never. */
        idleMinutesMax: z.number().min(0).max(100_000).default(0),
      })
      .optional(),
    /** Image of a session that names none; absent: chosen among the registered images. */
    defaultImage: z.string().optional(),
  }),
  agent: z
    .strictObject({
      node: NodeName.default('local'),
      driver: z.enum(['auto', 'docker', 'process', 'simulated']).default('auto'),
      dataDirectory: z.string(),
      dockerSocket: z.string().optional(),
      /** IP address by which the other nodes reach this one; absent: that of its first network card. */
      address: z.union([z.ipv4(), z.ipv6()]).optional(),
      resourceGroup: z.string().default('default'),
      reservedCpu: z.string().default('0'),
      reservedMemory: z.string().default('1g'),
      /** Containers of kernels at the same time; absent: no limit but that of the resource group. */
      containersMax: z.int().min(1).max(100_000).optional(),
      /** `uid:gid` of kernels' programs, for an agent of root; absent: whoever an image says. */
      kernelUser: z
        .string()
        .regex(/^[1-9]\d{0,8}:\d{1,9}$/, 'a kernel user is written as uid:gid, and is not root')
        .optional(),
      compute: ComputeSettings.optional(),
      images: ImageSettings.prefault({}),
      /** Number of nodes that one simulated agent process plays, named `<node>-0`, `<node>-1`, … */
      simulatedNodes: z.int().min(1).max(10_000).default(1),
      /** How often usage is measured and told. Milliseconds. */
      statisticsPeriodMs: z.int().min(500).max(600_000).default(5_000),
    })
    .optional(),
  /** Absent: everything stays in the stream. */
  archive: ArchiveSettings.optional(),
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
 * The settings of a TOML file, and over them those of the environment: `bus.tls.ca` is
 * `ORRERY_BUS_TLS_CA`, `gateway.masterKey` is `ORRERY_GATEWAY_MASTER_KEY`.
 * @throws {SettingsInvalid} naming the file or the variable, the key and the rule.
 */
export function readSettings(
  path: string,
  environ: Readonly<Record<string, string | undefined>> = {},
): Settings {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new SettingsInvalid(`the settings file ${path} cannot be read`, { cause });
  }
  return parseSettings(text, path, environ);
}

/** @throws {SettingsInvalid} */
export function parseSettings(
  text: string,
  path: string,
  environ: Readonly<Record<string, string | undefined>> = {},
): Settings {
  let values: unknown;
  try {
    values = parse(text);
  } catch (cause) {
    throw new SettingsInvalid(`the settings file ${path} is not TOML: ${String(cause)}`, { cause });
  }
  const { merged, sources } = withEnviron(Settings, values, environ);
  const parsed = Settings.safeParse(merged);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const key = issue?.path.join('.') || '(top level)';
  const source = sources.get(key) ?? `the settings file ${path}`;
  throw new SettingsInvalid(`${source} is wrong at ${key}: ${issue?.message}`);
}
