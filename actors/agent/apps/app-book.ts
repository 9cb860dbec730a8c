import { type AppProtocol, parseServicePorts, portOfAppName } from '@orrery/bus';
import { catalogue, ownApps } from './catalogue.ts';
import type { ImageWord } from './image-word.ts';
import { parseDefinition, type ServiceDefinition } from './service-definition.ts';

/** An app of a kernel, before it is looked whether it runs. */
export interface BookedApp {
  readonly name: string;
  readonly protocol: AppProtocol;
  readonly ports: readonly number[];
  readonly source: 'image' | 'catalogue' | 'session';
  /** Undefined: it says how it is started in a way that is not understood, or nobody does. */
  readonly definition: ServiceDefinition | undefined;
}

export interface AppBook {
  readonly apps: readonly BookedApp[];
  readonly faults: readonly string[];
}

export const cataloguePrograms = catalogue.map(({ program }) => program);

/** Which apps a kernel has: those of its image, then what the session opens, then those that every image may have. */
export function bookOf(word: ImageWord): AppBook {
  const faults: string[] = [];
  const label = parseServicePorts(word.servicePorts);
  if (!label.ok) faults.push(`the label ai.backend.service-ports: ${label.error}`);
  const apps = new Map<string, BookedApp>();
  const add = (app: BookedApp): void => {
    if (!apps.has(app.name)) apps.set(app.name, app);
  };
  const definitions = definitionsOf(word, faults);
  for (const { name, protocol, ports } of label.ok ? label.value : []) {
    const definition =
      definitions.get(name) ?? catalogue.find((app) => app.name === name)?.definition;
    add({ name, protocol, ports, source: 'image', definition });
  }
  for (const text of word.preopenPorts.split(',')) {
    const app = appOfPort(text);
    if (app !== undefined) add(app);
  }
  for (const { name, protocol, port, program, definition } of catalogue)
    if (word.programs.has(program))
      add({ name, protocol, ports: [port], source: 'catalogue', definition });
  for (const { name, port } of ownApps)
    add({ name, protocol: 'internal', ports: [port], source: 'catalogue', definition: undefined });
  return { apps: [...apps.values()], faults };
}

/** A port alone is an app that the user's own program opens. */
export function appOfPort(name: string): BookedApp | undefined {
  const port = portOfAppName(name);
  if (port === undefined) return undefined;
  return { name, protocol: 'preopen', ports: [port], source: 'session', definition: undefined };
}

function definitionsOf(
  { definitions }: ImageWord,
  faults: string[],
): ReadonlyMap<string, ServiceDefinition> {
  const parsed = new Map<string, ServiceDefinition>();
  for (const [name, text] of definitions) {
    const definition = parseDefinition(text);
    if (definition.ok) parsed.set(name, definition.value);
    else faults.push(`the service definition ${name}.json: ${definition.error}`);
  }
  return parsed;
}
