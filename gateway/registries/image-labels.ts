/** Versions of the scheme of labels that are understood. */
const KERNEL_SPEC = { min: 1, max: 1 };
const AMOUNT = /^ai\.backend\.resource\.(?:min|max)\./;
const ROLES: readonly string[] = ['COMPUTE', 'INFERENCE', 'SYSTEM'];
const PORT =
  /^(?<name>[A-Za-z0-9_-]+):(?<protocol>tcp|http|preopen|vnc|rdp|pty):(?<ports>\d+|\[\d+(?:,\d+)*\])$/;
/** Of the runner and its services (reference: the grammar of service ports). */
const TAKEN_PORTS: readonly number[] = [2000, 2001, 2002, 2003, 2200, 7681];

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
  return findPortFault(labels['ai.backend.service-ports'] ?? '');
}

function findPortFault(text: string): string | undefined {
  const seen = new Set<number>();
  // Commas within brackets do not part services.
  for (const service of text === '' ? [] : text.split(/,(?![^[]*\])/)) {
    const parts = PORT.exec(service.trim())?.groups;
    if (parts === undefined) return `ai.backend.service-ports has no service at ${service}`;
    for (const port of (parts['ports'] ?? '').replace(/[[\]]/g, '').split(',').map(Number)) {
      if (port <= 1024 || port >= 65_535 || TAKEN_PORTS.includes(port))
        return `ai.backend.service-ports may not have port ${port}`;
      if (seen.has(port)) return `ai.backend.service-ports has port ${port} twice`;
      seen.add(port);
    }
  }
  return undefined;
}
