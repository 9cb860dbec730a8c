import { AppName, type AppProtocol } from './contracts/app.ts';
import { err, ok, type Result } from './result.ts';

/** One entry of the label `ai.backend.service-ports`. */
export interface ServicePort {
  readonly name: string;
  readonly protocol: AppProtocol;
  /** In the container; the first is the primary one. */
  readonly ports: readonly number[];
}

export const SERVICE_PORTS_LABEL = 'ai.backend.service-ports';
export const RUNTIME_PATH_LABEL = 'ai.backend.runtime-path';
const PORT_MIN = 1_025;
const PREOPEN_PORT_MIN = 1_024;
const PORT_MAX = 65_534;
const PREOPEN_PORT_MAX = 65_535;
export const PREOPEN_PORTS_MAX = 32;
/** Of the runner, the SSH server and the terminal of Backend.AI's images. */
const RESERVED_PORTS: ReadonlySet<number> = new Set([2_000, 2_001, 2_002, 2_003, 2_200, 7_681]);
const PROTOCOLS = ['http', 'tcp', 'preopen', 'vnc', 'rdp'] as const;
const ENTRY = /^\s*([^:,\s[\]]*):([A-Za-z]+):(?:(\d+)|\[([^\]]*)\])\s*(?:,|$)/;

/** `name:protocol:port` or `name:protocol:[port,port]`, with commas between; what is wrong with it is an error. */
export function parseServicePorts(label: string): Result<readonly ServicePort[], string> {
  const found: ServicePort[] = [];
  let rest = label;
  while (rest.trim() !== '') {
    const entry = ENTRY.exec(rest);
    if (entry === null) return err(`${JSON.stringify(rest.trim())} is not name:protocol:port`);
    const [whole, name = '', protocol = '', port, list = port ?? ''] = entry;
    rest = rest.slice(whole.length);
    if (whole.trimEnd().endsWith(',') && rest.trim() === '') return err('a comma ends it');
    if (protocol === 'pty') continue;
    const parsed = parsePort({ name, protocol, list }, found);
    if (!parsed.ok) return parsed;
    found.push(parsed.value);
  }
  return ok(found);
}

function parsePort(
  { name, protocol, list }: Readonly<Record<'name' | 'protocol' | 'list', string>>,
  found: readonly ServicePort[],
): Result<ServicePort, string> {
  if (!AppName.safeParse(name).success)
    return err(`${JSON.stringify(name)} is no name of a service: it has letters, digits, - and _`);
  if (found.some((other) => other.name === name)) return err(`${name} is there twice`);
  const known = PROTOCOLS.find((one) => one === protocol);
  if (known === undefined)
    return err(`${name}: ${protocol} is no protocol; those are ${PROTOCOLS.join(', ')}`);
  const ports: number[] = [];
  for (const text of list.split(',')) {
    const port = /^\s*\d+\s*$/.test(text) ? Number(text) : Number.NaN;
    if (!(port >= PORT_MIN && port <= PORT_MAX) || RESERVED_PORTS.has(port))
      return err(`${name}: ${text.trim()} is no port from ${PORT_MIN} to ${PORT_MAX} that is free`);
    if (ports.includes(port) || found.some((other) => other.ports.includes(port)))
      return err(`${name}: the port ${port} is there twice`);
    ports.push(port);
  }
  return ok({ name, protocol: known, ports });
}

/** What is wrong with ports that a session is to open by itself; undefined: nothing. */
export function faultOfPreopenPorts(ports: readonly number[]): string | undefined {
  if (ports.length > PREOPEN_PORTS_MAX) return `at most ${PREOPEN_PORTS_MAX} ports`;
  for (const port of ports) {
    const isPort = Number.isInteger(port) && port >= PREOPEN_PORT_MIN && port <= PREOPEN_PORT_MAX;
    if (!isPort) return `a port is a whole number from ${PREOPEN_PORT_MIN} to ${PREOPEN_PORT_MAX}`;
    if (RESERVED_PORTS.has(port)) return `the port ${port} is taken by the system`;
  }
  return new Set(ports).size === ports.length ? undefined : 'no port is there twice';
}

/** The app that stands for a port alone; undefined: the name is no number, or no port that may be opened. */
export function portOfAppName(name: string): number | undefined {
  const port = /^[1-9]\d{3,4}$/.test(name) ? Number(name) : Number.NaN;
  return faultOfPreopenPorts([port]) === undefined ? port : undefined;
}
