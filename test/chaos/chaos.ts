import type { RecordedCommit } from '@orrery/bus';
import { systemClock } from '@orrery/bus';
import { comesTrue } from '../../deploy/embedded/clock.ts';
import { Random } from '../simulation/random.ts';
import { Load } from './load.ts';
import { sessionsOf } from './log-facts.ts';
import { AGENTS, type Stand, startStand } from './stand.ts';
import { Storm } from './storm.ts';
import { endsOf, isClean, judge, readLog, type Verdict } from './verdict.ts';

/** From the end of the storm until whoever asked has an answer. */
const ANSWERED_MS_MAX = 300_000;
/** From then on until every session is over or runs. */
const SETTLED_MS_MAX = 300_000;
/** From the wish to end until all are over. */
const OVER_MS_MAX = 300_000;
const LOOK_PERIOD_MS = 1_000;
const ENDED_AT_ONCE = 8;
const DISK_BYTES_MIN = 128 * 1024 * 1024;
/** What a minute of the load leaves in a server's store, and plenty of it. */
const DISK_BYTES_PER_MINUTE = 8 * 1024 * 1024;

export interface ChaosReport {
  readonly chaos: 'passed' | 'failed';
  readonly seed: number;
  readonly minutes: number;
  readonly sessions: { readonly asked: number; readonly acknowledged: number };
  readonly ends: Readonly<Record<string, number>>;
  readonly commits: number;
  readonly lost: number;
  readonly doubled: number;
  readonly stuck: number;
  readonly refused: number;
  readonly broken: number;
  readonly settledMs: number;
  readonly overMs: number;
  readonly actions: Readonly<Record<string, number>>;
  /** Processes that ended though nobody had killed them. */
  readonly surprises: Readonly<Record<string, number>>;
  readonly programsStarted: number;
  /** Where logs and stores were kept, when something does not hold. */
  readonly directory?: string;
  readonly faults?: Verdict;
}

/** One storm over a whole cluster, and what holds after it. */
export async function runChaos(
  { seed, minutes }: { readonly seed: number; readonly minutes: number },
  tell: (line: string) => void,
): Promise<ChaosReport> {
  const stand = await startStand({
    diskBytes: Math.ceil(DISK_BYTES_MIN + minutes * DISK_BYTES_PER_MINUTE),
  });
  let report: ChaosReport | undefined;
  try {
    await stand.becomesReady();
    tell(`ready; logs in ${stand.directory}`);
    if (stand.nats.members.some(({ disk }) => disk === undefined))
      tell('NO DISK IS FILLED: a file system of its own needs root and the right to mount');
    const storm = new Storm(stand, { random: new Random(seed), tell });
    const runId = `chaos-${seed}`;
    const load = new Load(stand, { random: new Random(seed + 1), runId });
    const calm = new AbortController();
    let isAnswered = false;
    const loading = load.run(calm.signal).then(() => {
      isAnswered = true;
    });
    const storming = storm.run(calm.signal);
    await systemClock.sleep(minutes * 60_000);
    calm.abort();
    tell('the storm is over');
    await storming;
    for (const { name } of AGENTS) stand.setClock(name, 0);
    await stand.becomesReady();
    // What is not answered by then is stuck, and the verdict says so.
    const patience = { withinMs: ANSWERED_MS_MAX, everyMs: LOOK_PERIOD_MS };
    if (await comesTrue(() => isAnswered, patience)) await loading;
    report = await conclude({ stand, load, storm, seed, minutes, tell });
    return report;
  } finally {
    await stand.end(report?.chaos === 'passed' ? 'remove' : 'keep');
  }
}

async function conclude({
  stand,
  load,
  storm,
  seed,
  minutes,
  tell,
}: {
  readonly stand: Stand;
  readonly load: Load;
  readonly storm: Storm;
  readonly seed: number;
  readonly minutes: number;
  readonly tell: (line: string) => void;
}): Promise<ChaosReport> {
  const settledMs = await took(() => settles(stand, isSettled, SETTLED_MS_MAX));
  tell(`settled after ${settledMs} ms`);
  const overMs = await took(async () => {
    await endAll(stand);
    await settles(stand, isOver, OVER_MS_MAX);
  });
  tell(`over after ${overMs} ms`);
  const verdict = await judge(stand, load);
  const commits = await readLog(stand);
  const passed = isClean(verdict);
  const processes = [...stand.processes.values()];
  return {
    chaos: passed ? 'passed' : 'failed',
    seed,
    minutes,
    sessions: {
      asked: load.asked.length,
      acknowledged: load.asked.filter(({ session }) => session !== undefined).length,
    },
    ends: endsOf(sessionsOf(commits)),
    commits: commits.length,
    lost: verdict.lost.length,
    doubled: verdict.doubled.length,
    stuck: verdict.stuck.length,
    refused: verdict.refused.length,
    broken: verdict.broken.length,
    settledMs,
    overMs,
    actions: Object.fromEntries([...storm.counts].sort()),
    surprises: Object.fromEntries(
      processes.filter(({ surprises }) => surprises > 0).map((each) => [each.name, each.surprises]),
    ),
    programsStarted: load.programStarts().size,
    ...(passed ? {} : { directory: stand.directory, faults: verdict }),
  };
}

/** Every session is over, or runs. */
function isSettled(commits: readonly RecordedCommit[]): boolean {
  return [...sessionsOf(commits).values()].every(
    ({ status, value }) => status === 'done' || value === 'running',
  );
}

function isOver(commits: readonly RecordedCommit[]): boolean {
  return [...sessionsOf(commits).values()].every(({ status }) => status === 'done');
}

/** Until the log says so, or the time is over: what is left then is for the verdict. */
async function settles(
  stand: Stand,
  condition: (commits: readonly RecordedCommit[]) => boolean,
  withinMs: number,
): Promise<void> {
  const patience = { withinMs, everyMs: LOOK_PERIOD_MS };
  await comesTrue(async () => condition(await readLog(stand)), patience);
}

async function endAll(stand: Stand): Promise<void> {
  const sessions = sessionsOf(await readLog(stand));
  const left = [...sessions].filter(([, { status }]) => status !== 'done').map(([id]) => id);
  const endThem = async (): Promise<void> => {
    for (let id = left.pop(); id !== undefined; id = left.pop())
      await stand.client.terminateSession({ id, mode: 'FORCE' });
  };
  await Promise.all(Array.from({ length: ENDED_AT_ONCE }, endThem));
}

async function took(work: () => Promise<void>): Promise<number> {
  const startMs = systemClock.nowMs();
  await work();
  return systemClock.nowMs() - startMs;
}
