import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Bus, connectBus } from '@orrery/bus';
import { EnvironmentChild } from '../../environment/child.ts';
import { startNats, type TestNats } from '../../environment/nats.ts';
import { makeScratch } from '../../environment/scratch.ts';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** Several control processes on one real bus. */
export interface ControlHosts extends AsyncDisposable {
  readonly bus: Bus;
  readonly server: Pick<TestNats, 'servers' | 'user' | 'password'>;
  /** `root`: the tree whose version it is; by default this one. */
  start(name: string, root?: string): Promise<void>;
  end(name: string, signal: NodeJS.Signals): Promise<void>;
  /** @throws when no host of that name was started. */
  pidOf(name: string): number;
  /** The host that holds each partition at the moment, as the leases say. */
  owners(): Promise<readonly (string | undefined)[]>;
}

export async function startControlHosts(): Promise<ControlHosts> {
  const nats = await startNats();
  const scratch = makeScratch('hosts');
  const { servers, user, password } = nats;
  const settings = { servers: [...servers], user, password };
  const bus = await connectBus({ ...settings, replicas: 1, partitions: 8 }, { name: 'onlooker' });
  const children = new Map<string, EnvironmentChild>();
  const end = async (name: string, signal: NodeJS.Signals): Promise<void> => {
    const child = children.get(name);
    children.delete(name);
    await child?.end(signal);
  };
  return {
    bus,
    server: { servers, user, password },
    async start(name, root = ROOT) {
      const config = join(scratch.path, `${name}.toml`);
      const log = join(scratch.path, `${name}.log`);
      writeFileSync(config, settingsText(name, settings));
      const launch = {
        command: process.execPath,
        args: [join(root, 'actors/control/main.ts'), '--config', config],
      };
      children.set(name, new EnvironmentChild(launch, { log }));
    },
    end,
    pidOf(name) {
      const child = children.get(name);
      if (child === undefined) throw new Error(`${name} was not started`);
      return child.pid;
    },
    async owners() {
      const partitions = Array.from({ length: bus.inbox.partitions }, (_, index) => index);
      const leases = partitions.map((index) => bus.config.get(`control.lease.partition-${index}`));
      return (await Promise.all(leases)).map((lease) => lease?.value.split('/')[0]);
    },
    async [Symbol.asyncDispose]() {
      for (const name of [...children.keys()]) await end(name, 'SIGTERM');
      await bus[Symbol.asyncDispose]();
      await nats.stop();
      scratch.remove();
    },
  };
}

/** Text in JSON is text in TOML. */
function settingsText(host: string, bus: Readonly<Record<string, unknown>>): string {
  const lines = Object.entries(bus).map(([key, value]) => `${key} = ${JSON.stringify(value)}`);
  return `[bus]
${lines.join('\n')}
[postgres]
url = "postgres://127.0.0.1/unused"
[gateway]
masterKey = "a2V5"
[control]
host = ${JSON.stringify(host)}
`;
}
