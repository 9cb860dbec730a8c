import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { nowMs } from '../deploy/embedded/clock.ts';
import { dockerEngine, ENGINE_VARIABLE, isDockerPossible } from './environment/docker.ts';
import { IMAGE_VARIABLE, testImage } from './environment/image.ts';
import {
  addTallies,
  crashed,
  emptyTally,
  readTally,
  type Tally,
  tallyLine,
} from './environment/tally.ts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** One that is not in the tree yet is passed over. */
const kinds = ['unit', 'simulation', 'chaos', 'integration', 'e2e'] as const;
/** One row after the other; what stands in one is run side by side. Chaos waits most of its time. */
const rows: readonly (readonly (readonly Kind[])[])[] = [
  [['unit', 'e2e'], ['chaos']],
  [['simulation', 'integration']],
];
const CHAOS_MS = Number(process.env['ORRERY_TEST_CHAOS_MINUTES'] ?? '1') * 60_000;
/** Continuous integration simulates twenty times as many seeds. */
const SIMULATION_MS = process.env['CI'] === 'true' ? 12 * 60_000 : 3 * 60_000;
const FILE_WITHIN_MS = 5 * 60_000;
/** The whole of `npm test`, besides what is asked for of chaos and simulation: what hangs must not do so for ever. */
const RUN_WITHIN_MS = 20 * 60_000 + CHAOS_MS + SIMULATION_MS;
const OUTPUT_BYTES_MAX = 32 * 1024 * 1024;
const USAGE =
  'usage: npm test -- [--only unit,integration,…] [PATTERN]   (PATTERN: part of the path of a suite)';

/** Continuous integration has an engine: there its absence is a failure of the suites that need it. */
const isDockerAbsent = process.env['CI'] !== 'true' && !(await isDockerPossible());
const deadlineMs = nowMs() + RUN_WITHIN_MS;

type Kind = (typeof kinds)[number];

process.exitCode = await main();

async function main(): Promise<number> {
  const { only, pattern } = parse();
  const needsEnvironment = only.some((kind) => kind !== 'unit' && kind !== 'simulation');
  const environment = needsEnvironment ? await prepare() : undefined;
  let tally = emptyTally;
  try {
    const variables = environment?.variables ?? {};
    for (const row of rows) {
      const asked = row.map((lane) => lane.filter((kind) => only.includes(kind)));
      const busy = asked.filter((lane) => lane.length > 0);
      const runs = busy.map((lane, index) => runLane(lane, index, { pattern, variables }));
      for (const counted of await Promise.all(runs)) tally = addTallies(tally, counted);
    }
  } finally {
    await environment?.end();
  }
  process.stdout.write(`${tallyLine(tally)}\n`);
  return tally.failed === 0 && tally.passed > 0 ? 0 : 1;
}

function parse(): { readonly only: readonly Kind[]; readonly pattern: string } {
  const { values, positionals } = parseArgs({
    options: { only: { type: 'string', multiple: true } },
    allowPositionals: true,
  });
  const asked = (values.only ?? []).flatMap((each) => each.split(','));
  const unknown = asked.filter((each) => !kinds.some((kind) => kind === each));
  if (unknown.length > 0 || positionals.length > 1) {
    process.stderr.write(`${USAGE}\nkinds: ${kinds.join(', ')}\n`);
    process.exit(2);
  }
  return {
    only: asked.length === 0 ? kinds : kinds.filter((kind) => asked.includes(kind)),
    pattern: positionals[0] ?? '',
  };
}

interface Environment {
  readonly variables: Readonly<Record<string, string>>;
  end(): Promise<void>;
}

/** What all suites share. */
async function prepare(): Promise<Environment> {
  const startedMs = nowMs();
  if (isDockerAbsent) return { variables: {}, end: async () => undefined };
  const engine = await dockerEngine();
  try {
    const image = await testImage();
    const seconds = ((nowMs() - startedMs) / 1_000).toFixed(1);
    process.stderr.write(`Docker engine and image ${image} are ready (${seconds} s)\n`);
    return {
      variables: { [ENGINE_VARIABLE]: engine.socketPath, [IMAGE_VARIABLE]: image },
      end: () => engine.stop(),
    };
  } catch (error) {
    await engine.stop();
    throw error;
  }
}

interface Asked {
  readonly pattern: string;
  readonly variables: Readonly<Record<string, string>>;
}

/** The first lane is seen as it runs, what another one says when it is over. */
async function runLane(lane: readonly Kind[], index: number, asked: Asked): Promise<Tally> {
  let later = '';
  const say = (text: string): void => {
    if (index === 0) process.stdout.write(text);
    else later += text;
  };
  let tally = emptyTally;
  for (const kind of lane)
    if (existsSync(join(root, 'test', kind)))
      tally = addTallies(tally, await runKind(kind, { ...asked, say }));
  process.stdout.write(later);
  return tally;
}

interface Running extends Asked {
  readonly say: (text: string) => void;
}

/**
 * Unit and simulation suites share one process, for speed; when that crashes each runs alone, so that
 * the culprit is named. The others have a process each.
 */
async function runKind(kind: Kind, run: Running): Promise<Tally> {
  const { pattern, say } = run;
  const files = listSuites(join(root, 'test', kind)).filter((path) => path.includes(pattern));
  if (files.length === 0) return emptyTally;
  say(`\n== ${kind}: ${files.length} files\n`);
  if (kind === 'unit' || kind === 'simulation') {
    const together = await runSuites(files, run);
    if (together !== undefined) return together;
    say(`\n== ${kind}: the run crashed; each file alone\n`);
  }
  let tally = emptyTally;
  for (const file of files) {
    say(`\n${relative(root, file)}\n`);
    if (isDockerAbsent && needsDocker(file)) {
      say('SKIPPED: no Docker engine answers, and only root can start one\n');
      tally = addTallies(tally, { ...emptyTally, skipped: 1 });
      continue;
    }
    tally = addTallies(tally, (await runSuites([file], run)) ?? crashed);
  }
  return tally;
}

/** Whether a suite starts containers: it imports what gives it an engine. */
function needsDocker(file: string): boolean {
  return /environment\/(docker|docker-system|image|swarm)\.ts'/.test(readFileSync(file, 'utf8'));
}

function listSuites(directory: string): readonly string[] {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.test.ts'))
    .sort()
    .map((path) => join(directory, path));
}

/** Counts of one process that runs these suites; undefined when it ended without any. */
async function runSuites(
  files: readonly string[],
  { variables, say }: Running,
): Promise<Tally | undefined> {
  const isOf = (kind: Kind): boolean => files.some((file) => file.includes(`/test/${kind}/`));
  const extraMs = isOf('chaos') ? CHAOS_MS : isOf('simulation') ? SIMULATION_MS : 0;
  const fileWithinMs = FILE_WITHIN_MS + extraMs;
  const remainingMs = Math.min(fileWithinMs, deadlineMs - nowMs());
  if (remainingMs <= 0) {
    say(`no time left of ${RUN_WITHIN_MS / 60_000} minutes\n`);
    return undefined;
  }
  const child = spawn(process.execPath, [join(root, 'test/environment/suites.ts'), ...files], {
    cwd: root,
    env: { ...process.env, ...variables },
    stdio: ['ignore', 'pipe', 'inherit'],
    signal: AbortSignal.timeout(remainingMs),
    killSignal: 'SIGKILL',
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    say(text);
    output = (output + text).slice(-OUTPUT_BYTES_MAX);
  });
  child.once('error', (error) => say(`ended: ${error.message}\n`));
  // Not once(): that fails with the error that a file's time being over is, and takes the whole run along.
  const closed = Promise.withResolvers<{ code: number | null; signal: string | null }>();
  child.once('close', (code, signal) => closed.resolve({ code, signal }));
  const { code, signal } = await closed.promise;
  if (signal !== null) say(`ended by ${signal}\n`);
  return readTally(output, code ?? 1);
}
