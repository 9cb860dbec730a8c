import { parseServicePorts, SERVICE_PORTS_LABEL } from '@orrery/bus';

/** Versions of the scheme of labels that are understood. */
const KERNEL_SPEC = { min: 1, max: 1 };
const AMOUNT = /^ai\.backend\.resource\.(?:min|max)\./;
const ROLES: readonly string[] = ['COMPUTE', 'INFERENCE', 'SYSTEM'];

/** Why an image cannot be used by what it says of itself; undefined: it can. An image without labels can. */
export function findLabelFault(labels: Readonly<Record<string, string>>): string | undefined {
  const spec = Number(labels['ai.backend.kernelspec'] ?? KERNEL_SPEC.max);
  if (!(spec >= KERNEL_SPEC.min && spec <= KERNEL_SPEC.max))
    return `ai.backend.kernelspec is ${spec}, and ${KERNEL_SPEC.max} is what is understood`;
  const role = labels['ai.backend.role'];
  if (role !== undefined && !ROLES.includes(role))
    return `ai.backend.role is none of ${ROLES.join(', ')}`;
  for (const [label, amount] of Object.entries(labels))
    if (AMOUNT.test(label) && !/^\d+(\.\d+)?[kmgtpe]?$/i.test(amount))
      return `${label} is no amount: ${amount}`;
  const services = parseServicePorts(labels[SERVICE_PORTS_LABEL] ?? '');
  return services.ok ? undefined : `${SERVICE_PORTS_LABEL}: ${services.error}`;
}
