import {
  err,
  ok,
  parseByteSize,
  parseServicePorts,
  preferredSharedMemory,
  type Rejection,
  type Result,
  refusalOfKernel,
  SERVICE_PORTS_LABEL,
  type SessionRequest,
} from '@orrery/bus';
import type { ImageRow } from '@orrery/projections';
import type { CreateSessionInput } from './create-session-input.ts';
import { MEMORY_BYTES_MAX } from './resources.ts';

/** What the image adds to a request; refused when it takes less or more than is asked for. */
export function withImageTerms(
  request: SessionRequest,
  { sharedMemory }: Pick<CreateSessionInput, 'sharedMemory'>,
  { labels }: Pick<ImageRow, 'labels'>,
): Result<SessionRequest, Rejection> {
  const misused = refusedPorts(request, labels);
  if (misused !== undefined) return err(misused);
  const asked = parseSharedMemory(sharedMemory);
  if (!asked.ok) return asked;
  const sharedMemoryBytes = asked.value ?? preferredSharedMemory(labels);
  for (const { slots } of request.kernels) {
    const refusal = refusalOfKernel({ slots, sharedMemoryBytes, labels });
    if (refusal === undefined) continue;
    const { code, message, slot } = refusal;
    return err({
      code: 'resources-invalid',
      message,
      field: fieldOf(slot),
      details: { rule: code },
    });
  }
  if (sharedMemoryBytes === undefined) return ok(request);
  const kernels = request.kernels.map((kernel) => ({ ...kernel, sharedMemoryBytes }));
  return ok({ ...request, kernels });
}

/** Ports that its apps have, or would have if one knew what its label says. */
function refusedPorts(
  { preopenPorts = [] }: SessionRequest,
  labels: Readonly<Record<string, string>>,
): Rejection | undefined {
  const services = parseServicePorts(labels[SERVICE_PORTS_LABEL] ?? '');
  if (!services.ok)
    return {
      code: 'image-invalid',
      message: `the image's label ${SERVICE_PORTS_LABEL} is not valid: ${services.error}`,
      field: 'image',
    };
  for (const { name, ports } of services.value) {
    const taken = ports.find((port) => preopenPorts.includes(port));
    if (taken !== undefined)
      return {
        code: 'preopen-ports-invalid',
        message: `the port ${taken} is that of the image's app ${name}`,
        field: 'preopenPorts',
      };
  }
  return undefined;
}

/** Bytes; undefined when nothing is said. */
function parseSharedMemory(text: string | undefined): Result<number | undefined, Rejection> {
  if (text === undefined) return ok(undefined);
  const bytes = parseByteSize(text);
  if (bytes !== undefined && bytes > 0n && bytes <= MEMORY_BYTES_MAX) return ok(Number(bytes));
  return err({
    code: 'resources-invalid',
    message: 'shared memory is a size over 0 and up to 64t, such as 64m or 1g',
    field: 'sharedMemory',
  });
}

/** Where the amount stood in the input. */
function fieldOf(slot: string): string {
  switch (slot) {
    case 'cpu':
      return 'cpu';
    case 'mem':
      return 'memory';
    case 'shared-memory':
      return 'sharedMemory';
    default:
      return `slots.${slot}`;
  }
}
