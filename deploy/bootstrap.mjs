// Runs on any Node from 20 on and before anything is installed, so it is plain JavaScript without
// imports of ours. It installs the dependencies when they are not what package-lock.json says and
// hands over to the Node that came with them.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = realpathSync(dirname(dirname(fileURLToPath(import.meta.url))));
const EXIT_NOT_INSTALLED = 6;
const LOCK_POLL_MS = 250;
/** First version of Node that runs TypeScript and `using` as this repository needs. */
const NODE_VERSION_MIN = [24, 12];

const programs = {
  start: ['deploy/orrery.ts', 'start'],
  stop: ['deploy/orrery.ts', 'stop'],
  cli: ['deploy/orrery.ts'],
  test: ['test/run.ts'],
  bench: ['test/bench/main.ts'],
  chaos: ['test/chaos/main.ts'],
};

const [word, ...rest] = process.argv.slice(2);
const program = programs[word];
if (program === undefined) fail(`usage: bootstrap.mjs ${Object.keys(programs).join('|')} …`, 2);
if (!isInstalled()) await installOnce();
await run([join(root, program[0]), ...program.slice(1), ...rest]);

/** Whether each package of package-lock.json is there in its version; npm writes what is at its end. */
function isInstalled() {
  const wanted = readLock(join(root, 'package-lock.json'));
  const present = readLock(join(root, 'node_modules', '.package-lock.json'));
  if (present === undefined) return false;
  return Object.entries(wanted ?? {}).every(([path, { version, link, optional, resolved }]) => {
    if (!path.includes('node_modules/')) return true;
    const found = present[path];
    if (found === undefined) return optional === true;
    return link === true ? found.resolved === resolved : found.version === version;
  });
}

function readLock(path) {
  try {
    return JSON.parse(readFileSync(path, 'utf8')).packages;
  } catch {
    return undefined;
  }
}

async function installOnce() {
  const release = await lock();
  try {
    // Another start may have done it while this one waited.
    if (!isInstalled()) await install();
  } finally {
    release();
  }
}

/**
 * An abstract socket belongs to one process and vanishes with it, however that ends. Where the system
 * knows none (an error other than "in use"), the installation goes on without.
 */
async function lock() {
  const name = `\0orrery-install-${createHash('sha256').update(root).digest('hex').slice(0, 32)}`;
  for (let round = 0; ; round++) {
    const server = await listen(name);
    if (server !== undefined) return () => server.close();
    if (round === 0) say('another process installs the dependencies; waiting for it');
    await new Promise((resolve) => setTimeout(resolve, LOCK_POLL_MS));
  }
}

function listen(name) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) => {
      resolve(error.code === 'EADDRINUSE' ? undefined : { close: () => undefined });
    });
    server.listen(name, () => resolve(server));
  });
}

async function install() {
  say('installing the dependencies (npm install); this is done once and takes a minute or so');
  const startedMs = Date.now();
  const npm = process.env.npm_execpath;
  const usesScript = npm?.endsWith('.js') === true && existsSync(npm);
  // Not `npm ci`: that refuses a lock whose platforms are not all listed, as npm writes it where a
  // registry has only some of them. The versions are those of the lock all the same: see isInstalled.
  const args = ['install', '--no-save', '--ignore-scripts', '--include=dev', '--include=optional'];
  const [command, ...first] = usesScript ? [process.execPath, npm] : ['npm'];
  const child = spawn(command, [...first, ...args, '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  const [code, signal] = await ended(child);
  if (signal !== null) process.kill(process.pid, signal);
  if (code !== 0 || !isInstalled())
    fail(
      `the dependencies could not be installed: npm install ended with code ${code} (its messages are above; the npm registry must be within reach and the directory writable).`,
      EXIT_NOT_INSTALLED,
    );
  say(`the dependencies are installed (${Math.round((Date.now() - startedMs) / 1000)} s)`);
}

function ended(child) {
  return new Promise((resolve) => {
    child.once('error', () => resolve([127, null]));
    child.once('exit', (code, signal) => resolve([code, signal]));
  });
}

/** Hands over to a Node that is new enough, passing signals on and the exit code back. */
async function run(args) {
  const installed = join(root, 'node_modules', '.bin', 'node');
  const node = existsSync(installed) ? installed : process.execPath;
  if (node === process.execPath && !isNewEnough())
    fail(
      `Node ${NODE_VERSION_MIN.join('.')} or newer is needed, this is ${process.versions.node}, and npm has none for this machine: install a newer Node.`,
      EXIT_NOT_INSTALLED,
    );
  const child = spawn(node, args, { stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'])
    process.on(signal, () => child.kill(signal));
  const [code, signal] = await ended(child);
  if (signal === null) process.exit(code);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
}

function isNewEnough() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  const [majorMin, minorMin] = NODE_VERSION_MIN;
  return major > majorMin || (major === majorMin && minor >= minorMin);
}

function say(line) {
  process.stderr.write(`orrery: ${line}\n`);
}

function fail(sentence, exitCode) {
  say(sentence);
  process.exit(exitCode);
}
