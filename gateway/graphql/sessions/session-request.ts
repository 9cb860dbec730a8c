import {
  err,
  faultOfPreopenPorts,
  ok,
  type Rejection,
  type Result,
  type SessionRequest,
} from '@orrery/bus';
import type { SignedInCaller } from '../../auth/may.ts';
import { kernelsOf, parseCluster } from './cluster.ts';
import type { CreateSessionInput } from './create-session-input.ts';
import { parseResources } from './resources.ts';

export const TAG_CHARACTERS_MAX = 64;
export const COMMAND_WORDS_MAX = 4_096;
export const COMMAND_BYTES_MAX = 128 * 1024;
export const ENVIRON_NAMES_MAX = 256;
export const ENVIRON_NAME_CHARACTERS_MAX = 128;
export const ENVIRON_VALUE_CHARACTERS_MAX = 32 * 1024;
export const ENVIRON_BYTES_MAX = 128 * 1024;
export const BATCH_TIMEOUT_SECONDS_MAX = 366 * 24 * 60 * 60;

const NAME = /^(?=.{4,64}$)\w[\w.-]*\w$/;
const WORD = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;
const ENVIRON_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** What the caller asks for, complete but for its image. Everything left out has its default. */
export type ImagelessRequest = (image: string) => SessionRequest;

/**
 * Checks everything that needs no look-up. The same input, caller and id give the same request, so that
 * asking again under one idempotency key is recognised.
 */
export function parseSessionRequest(
  input: CreateSessionInput,
  caller: SignedInCaller,
  sessionId: string,
): Result<ImagelessRequest, Rejection> {
  const refusal =
    refusedName(input) ?? refusedCommand(input) ?? refusedPlace(input) ?? refusedPorts(input);
  if (refusal !== undefined) return err(refusal);
  const resources = parseResources(input);
  if (!resources.ok) return resources;
  const environ = parseEnviron(input.environ);
  if (!environ.ok) return environ;
  const cluster = parseCluster(input);
  if (!cluster.ok) return cluster;
  const { batchTimeoutSeconds, preopenPorts } = input;
  const { clusterMode, size } = cluster.value;
  return ok((image) => ({
    name: input.name ?? `session-${sessionId.replaceAll('-', '').slice(-8)}`,
    sessionType: input.type === 'BATCH' ? 'batch' : 'interactive',
    owner: {
      userId: caller.userId,
      email: caller.email,
      ...(caller.userName === undefined ? {} : { userName: caller.userName }),
      ...(caller.accessKey === undefined ? {} : { accessKey: caller.accessKey }),
      projectId: input.projectId ?? caller.projectId,
      domain: input.domain ?? caller.domain,
    },
    resourceGroup: input.resourceGroup,
    ...(input.architecture === undefined ? {} : { architecture: input.architecture }),
    clusterMode,
    priority: input.priority,
    ...(input.tag === undefined ? {} : { tag: input.tag }),
    environ: environ.value,
    command: input.command ?? null,
    ...(batchTimeoutSeconds === undefined
      ? {}
      : { batchTimeoutMs: Math.round(batchTimeoutSeconds * 1000) }),
    ...(preopenPorts === undefined || preopenPorts.length === 0 ? {} : { preopenPorts }),
    kernels: kernelsOf(sessionId, size, { image, slots: resources.value }),
  }));
}

function refusedName({ name, tag, idempotencyKey }: CreateSessionInput): Rejection | undefined {
  if (name !== undefined && !NAME.test(name)) {
    return {
      code: 'name-invalid',
      message:
        'a name has 4 to 64 letters, digits, _, - or ., with a letter, digit or _ at both ends',
      field: 'name',
    };
  }
  if (tag !== undefined && (tag.length > TAG_CHARACTERS_MAX || tag.includes('\0'))) {
    return {
      code: 'tag-invalid',
      message: `a tag has at most ${TAG_CHARACTERS_MAX} characters`,
      field: 'tag',
    };
  }
  if (idempotencyKey !== undefined && !/^[\x21-\x7e]{1,128}$/.test(idempotencyKey)) {
    return {
      code: 'idempotency-key-invalid',
      message: 'an idempotency key has 1 to 128 printable ASCII characters and no spaces',
      field: 'idempotencyKey',
    };
  }
  return undefined;
}

function refusedCommand({
  type,
  command,
  batchTimeoutSeconds,
}: CreateSessionInput): Rejection | undefined {
  if (type === 'INTERACTIVE') {
    if (command !== undefined)
      return {
        code: 'command-unexpected',
        message:
          'an interactive session takes no command; execute it inside, or ask for a batch session',
        field: 'command',
      };
    if (batchTimeoutSeconds === undefined) return undefined;
    return {
      code: 'batch-timeout-invalid',
      message: 'only a batch session has a time limit',
      field: 'batchTimeoutSeconds',
    };
  }
  if (command === undefined || command.length === 0 || command[0] === '')
    return {
      code: 'command-required',
      message: 'a batch session needs a command',
      field: 'command',
    };
  const bytes = command.reduce((sum, word) => sum + Buffer.byteLength(word), 0);
  if (command.length > COMMAND_WORDS_MAX || bytes > COMMAND_BYTES_MAX || command.some(hasNul)) {
    return {
      code: 'command-invalid',
      message: `a command has at most ${COMMAND_WORDS_MAX} words and ${COMMAND_BYTES_MAX} bytes, and no NUL`,
      field: 'command',
    };
  }
  const seconds = batchTimeoutSeconds ?? 1;
  if (seconds >= 0.001 && seconds <= BATCH_TIMEOUT_SECONDS_MAX) return undefined;
  return {
    code: 'batch-timeout-invalid',
    message: `the time limit is over 0 and at most ${BATCH_TIMEOUT_SECONDS_MAX} seconds`,
    field: 'batchTimeoutSeconds',
  };
}

function refusedPlace({
  resourceGroup,
  architecture,
  priority,
}: CreateSessionInput): Rejection | undefined {
  if (!Number.isInteger(priority) || priority < 0 || priority > 100)
    return {
      code: 'priority-invalid',
      message: 'a priority is a whole number from 0 to 100',
      field: 'priority',
    };
  if (!WORD.test(resourceGroup))
    return {
      code: 'resource-group-invalid',
      message: 'this is no name of a resource group',
      field: 'resourceGroup',
    };
  if (architecture !== undefined && !WORD.test(architecture))
    return {
      code: 'architecture-invalid',
      message: 'an architecture is such as x86_64 or aarch64',
      field: 'architecture',
    };
  return undefined;
}

function refusedPorts({ preopenPorts = [] }: CreateSessionInput): Rejection | undefined {
  const fault = faultOfPreopenPorts(preopenPorts);
  if (fault === undefined) return undefined;
  return { code: 'preopen-ports-invalid', message: fault, field: 'preopenPorts' };
}

function parseEnviron(environ: unknown): Result<Readonly<Record<string, string>>, Rejection> {
  if (environ === undefined) return ok({});
  if (typeof environ !== 'object' || environ === null || Array.isArray(environ))
    return environInvalid('the environment is an object of names and texts');
  const entries: [string, string][] = [];
  let bytes = 0;
  for (const [name, value] of Object.entries(environ)) {
    if (name.length > ENVIRON_NAME_CHARACTERS_MAX || !ENVIRON_NAME.test(name))
      return environInvalid(
        'a name in the environment has letters, digits and _, and no digit first',
      );
    if (typeof value !== 'string' || value.length > ENVIRON_VALUE_CHARACTERS_MAX || hasNul(value))
      return environInvalid(
        `${name} is not a text of at most ${ENVIRON_VALUE_CHARACTERS_MAX} characters`,
      );
    bytes += name.length + Buffer.byteLength(value);
    entries.push([name, value]);
  }
  if (entries.length > ENVIRON_NAMES_MAX || bytes > ENVIRON_BYTES_MAX)
    return environInvalid(
      `an environment has at most ${ENVIRON_NAMES_MAX} names and ${ENVIRON_BYTES_MAX} bytes`,
    );
  return ok(Object.fromEntries(entries.toSorted(([left], [right]) => (left < right ? -1 : 1))));
}

function environInvalid(message: string): Result<never, Rejection> {
  return err({ code: 'environ-invalid', message, field: 'environ' });
}

function hasNul(text: string): boolean {
  return text.includes('\0');
}
