import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { nkeys } from '@nats-io/transport-node';
import { NodeName } from '../contracts/node.ts';
import { SettingsInvalid } from '../errors.ts';
import type { Role } from '../nats/permissions.ts';
import { runProgram } from '../program.ts';
import { accountsText, type BusUser } from './nats-accounts.ts';

const USAGE = `usage: orrery admin nats-config --out DIRECTORY [--agent NODE[=NODE,NODE…]]…
  writes accounts.conf for nats-server and the seed of a key for control, projector, gateway and each agent;
  an agent process that plays several nodes names them behind the =; seeds that are there are kept
`;

/** `orrery admin nats-config`: who may say what on the bus. */
async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      out: { type: 'string' },
      agent: { type: 'string', multiple: true, default: [] },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help || values.out === undefined) {
    (values.help ? process.stdout : process.stderr).write(USAGE);
    process.exitCode = values.help ? 0 : 2;
    return;
  }
  const directory = values.out;
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const roles: Role[] = [
    { kind: 'control' },
    { kind: 'projector' },
    { kind: 'gateway' },
    ...values.agent.map(parseAgent),
  ];
  const users = roles.map((role): BusUser => {
    const path = join(directory, `${nameOf(role)}.nk`);
    return { role, publicKey: keepKey(path) };
  });
  const accounts = join(directory, 'accounts.conf');
  writeFileSync(accounts, accountsText(users), { mode: 0o600 });
  const lines = [
    `${accounts}: include it in the configuration of every nats-server`,
    ...roles.map((role) => {
      const seed = join(directory, `${nameOf(role)}.nk`);
      const others = role.kind === 'control' ? '' : ', bus.streams = "expect"';
      return `${seed}: bus.nkeySeedFile of ${nameOf(role)}${others}`;
    }),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** `NODE`, or `NODE=NODE,NODE` for a process that plays several. @throws {SettingsInvalid} */
function parseAgent(text: string): Role {
  const [node = '', nodes = node] = text.split('=');
  const names = [node, ...nodes.split(',')];
  const wrong = names.find((name) => !NodeName.safeParse(name).success);
  if (wrong !== undefined)
    throw new SettingsInvalid(
      `--agent ${text}: ${JSON.stringify(wrong)} is no name of a node (1 to 64 letters, digits, _ or -)`,
    );
  return { kind: 'agent', name: `agent-${node}`, nodes: nodes.split(',') };
}

function nameOf(role: Role): string {
  return role.kind === 'agent' ? role.name : role.kind;
}

/** The public half of the key whose seed is in the file; made when there is none. */
function keepKey(path: string): string {
  if (existsSync(path)) {
    const seed = Buffer.from(readFileSync(path, 'utf8').trim());
    try {
      return nkeys.fromSeed(seed).getPublicKey();
    } catch (cause) {
      throw new SettingsInvalid(`${path} holds no seed of an nkey`, { cause });
    }
  }
  const pair = nkeys.createUser();
  writeFileSync(path, `${Buffer.from(pair.getSeed()).toString()}\n`, { mode: 0o600 });
  return pair.getPublicKey();
}

await runProgram('orrery admin nats-config', main);
