import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EnvironmentChild } from './child.ts';
import type { StartedSystem } from './system.ts';

const MAIN = fileURLToPath(new URL('../../actors/agent/main.ts', import.meta.url));

/** One more agent of a whole installation, with settings of its own over those of the first. */
export class SecondAgent {
  readonly #system: Pick<StartedSystem, 'dataDirectory'>;
  readonly #environ: Readonly<Record<string, string>>;
  #child: EnvironmentChild | undefined;

  constructor(
    system: Pick<StartedSystem, 'dataDirectory'>,
    settings: { readonly node: string; readonly dockerSocket: string; readonly address?: string },
  ) {
    const { node, dockerSocket, address } = settings;
    this.#system = system;
    this.#environ = {
      ORRERY_AGENT_NODE: node,
      ORRERY_AGENT_DRIVER: 'docker',
      ORRERY_AGENT_DOCKER_SOCKET: dockerSocket,
      ORRERY_AGENT_DATA_DIRECTORY: join(system.dataDirectory, node),
      ...(address === undefined ? {} : { ORRERY_AGENT_ADDRESS: address }),
    };
  }

  async start(): Promise<void> {
    const { dataDirectory } = this.#system;
    const log = join(dataDirectory, `agent-${randomUUID()}.log`);
    const config = join(dataDirectory, 'run', 'settings.toml');
    const env = { ...process.env, ...this.#environ };
    const launch = { command: process.execPath, args: [MAIN, '--config', config], env };
    this.#child = new EnvironmentChild(launch, { log });
    await this.#child.becomesReady(() => /^ready$/m.test(readFileSync(log, 'utf8')));
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    await this.#child?.end(signal);
  }
}
