import type { CreateSessionInput } from '../../client/model.ts';
import type { GlobalOptions } from '../context.ts';
import { UsageWrong } from '../errors.ts';

/** Options that say what a session shall be, as `run` and `session create` take them. */
export interface RequestOptions extends GlobalOptions {
  readonly image?: string;
  readonly cpu?: string;
  readonly mem?: string;
  readonly name?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly slot?: Readonly<Record<string, string>>;
  readonly shm?: string;
  readonly clusterSize?: string;
  readonly multiNode?: boolean;
  readonly resourceGroup?: string;
  readonly priority?: string;
  readonly startsAt?: string;
  readonly dependsOn?: readonly string[];
  readonly on?: readonly string[];
  readonly placementGroup?: string;
  readonly pack?: boolean;
  readonly jobPriority?: string;
  readonly retries?: string;
  readonly inOnePiece?: boolean;
  readonly preopen?: readonly string[];
  readonly tag?: string;
  readonly timeout?: string;
  readonly idempotencyKey?: string;
}

/** Amounts and names are judged by the gateway; here only what must be a number is one. */
export function requestOf(command: readonly string[], options: RequestOptions): CreateSessionInput {
  return {
    ...(command.length === 0 ? { type: 'INTERACTIVE' } : { type: 'BATCH', command }),
    name: options.name,
    image: options.image,
    cpu: options.cpu,
    memory: options.mem,
    slots: options.slot,
    environ: options.env,
    resourceGroup: options.resourceGroup,
    priority: parseNumber('--priority', options.priority),
    ...clusterOf(options),
    ...schedulingOf(options),
    ...portsOf(options),
    tag: options.tag,
    batchTimeoutSeconds: parseNumber('--timeout', options.timeout),
    idempotencyKey: options.idempotencyKey,
  };
}

/** Only what was said: a gateway of before knows none of it. */
function portsOf({ preopen }: RequestOptions): Partial<CreateSessionInput> {
  if (preopen === undefined) return {};
  return { preopenPorts: preopen.map((port) => parseNumber('--preopen', port) ?? 0) };
}

/** Only what was said: a gateway of before knows none of it. */
function clusterOf({ shm, clusterSize, multiNode }: RequestOptions): Partial<CreateSessionInput> {
  return {
    ...(shm === undefined ? {} : { sharedMemory: shm }),
    ...(clusterSize === undefined
      ? {}
      : { clusterSize: parseNumber('--cluster-size', clusterSize) }),
    ...(multiNode === true ? { clusterMode: 'MULTI_NODE' } : {}),
  };
}

/** Only what was said: a gateway of before knows none of it. */
function schedulingOf({
  startsAt,
  dependsOn,
  on: designatedAgents,
  placementGroup: name,
  pack,
  jobPriority,
  retries,
  inOnePiece,
}: RequestOptions): Partial<CreateSessionInput> {
  return {
    ...(startsAt === undefined ? {} : { startsAt }),
    ...(dependsOn === undefined ? {} : { dependsOn }),
    ...(designatedAgents === undefined ? {} : { designatedAgents }),
    ...(name === undefined
      ? {}
      : { placementGroup: { name, direction: pack === true ? 'PACK' : 'SPREAD' } }),
    ...(jobPriority === undefined
      ? {}
      : { jobPriority: parseNumber('--job-priority', jobPriority) }),
    ...(retries === undefined ? {} : { maxRetryCount: parseNumber('--retries', retries) }),
    ...(inOnePiece === true ? { allowFractionalResourceFragmentation: false } : {}),
  };
}

function parseNumber(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (text.trim() === '' || !Number.isFinite(value)) {
    throw new UsageWrong(`${option} must be a number, and ${JSON.stringify(text)} is none`);
  }
  return value;
}
