import type { RecordedCommit, SessionEvent } from '@orrery/bus';
import type { SessionSnapshot } from '../../actors/session/machine.ts';
import type { Asked, Load } from './load.ts';
import { findBrokenChain, findOvercommitment, sessionsOf } from './log-facts.ts';
import type { Stand } from './stand.ts';

/** Faults that are told one by one. */
const TOLD_MAX = 50;
const ASKED_AGAIN_AT_ONCE = 8;
const PAGE = 100;

/** What must hold when the storm is over; every list is to be empty. */
export interface Verdict {
  /** Acknowledged, and not in the log or not in GraphQL. */
  readonly lost: readonly string[];
  /** Two sessions of one key, two starts of one attempt, or two commits of one command. */
  readonly doubled: readonly string[];
  /** In no final state though everything that could keep it from there is over. */
  readonly stuck: readonly string[];
  readonly refused: readonly string[];
  /** Whatever else must not be: slots given twice, broken chains, rows unlike a rebuild, poison. */
  readonly broken: readonly string[];
}

export function isClean(verdict: Verdict): boolean {
  return Object.values(verdict).every((faults: readonly string[]) => faults.length === 0);
}

/** The whole log as it is now. */
export async function readLog({ bus }: Stand): Promise<readonly RecordedCommit[]> {
  const newest = await bus.log.lastSequence();
  const commits: RecordedCommit[] = [];
  const stop = new AbortController();
  for await (const batch of bus.log.follow({ afterSequence: 0, signal: stop.signal })) {
    commits.push(...batch);
    if ((commits.at(-1)?.sequence ?? 0) >= newest) break;
  }
  stop.abort();
  return commits;
}

/** To be asked for when every session is over. */
export async function judge(stand: Stand, load: Load): Promise<Verdict> {
  const commits = await readLog(stand);
  const sessions = sessionsOf(commits);
  const acknowledged = load.asked.filter(({ session }) => session !== undefined);
  const lost = acknowledged
    .filter(({ session = '' }) => !sessions.has(session))
    .map(({ name, session }) => `${name} ${session} is not in the log`);
  const shown = await namesInTables(stand);
  lost.push(
    ...acknowledged
      .filter(({ session = '', name }) => shown.get(session) !== name)
      .map(({ name, session }) => `${name} ${session} is not in GraphQL`),
  );
  const doubled = [
    ...sessionsOfOneName(commits),
    ...commandsCommittedTwice(commits),
    ...startsOfOneAttempt(commits),
    ...programsStartedTwice(commits, load),
    ...(await creationsByKey(load)),
  ];
  const stuck = [...sessions]
    .filter(([, { status }]) => status !== 'done')
    .map(([id, { value }]) => `${id} is ${String(value)}`);
  stuck.push(
    ...load.asked
      .filter(({ session, refusal }) => session === undefined && refusal === undefined)
      .map(({ name }) => `${name} was never answered`),
  );
  const refused = load.asked
    .filter(({ refusal }) => refusal !== undefined)
    .map(({ name, refusal }) => `${name}: ${refusal}`);
  const broken = await brokenParts(stand, commits);
  return {
    lost: lost.slice(0, TOLD_MAX),
    doubled: doubled.slice(0, TOLD_MAX),
    stuck: stuck.slice(0, TOLD_MAX),
    refused: refused.slice(0, TOLD_MAX),
    broken: broken.slice(0, TOLD_MAX),
  };
}

/** How the sessions ended, by final state. */
export function endsOf(
  sessions: ReadonlyMap<string, SessionSnapshot>,
): Readonly<Record<string, number>> {
  const ends: Record<string, number> = {};
  for (const { value } of sessions.values()) ends[String(value)] = (ends[String(value)] ?? 0) + 1;
  return ends;
}

async function namesInTables({ client }: Stand): Promise<ReadonlyMap<string, string>> {
  const names = new Map<string, string>();
  let after: string | undefined;
  do {
    const { edges, pageInfo } = await client.sessions({ first: PAGE, after });
    for (const { node } of edges) names.set(node.id, node.name);
    after = pageInfo.hasNextPage ? (pageInfo.endCursor ?? undefined) : undefined;
  } while (after !== undefined);
  return names;
}

function sessionsOfOneName(commits: readonly RecordedCommit[]): readonly string[] {
  const births = new Map<string, number>();
  for (const event of sessionEvents(commits)) {
    if (event.type !== 'session-enqueued') continue;
    const { name } = event.request;
    births.set(name, (births.get(name) ?? 0) + 1);
  }
  return moreThanOnce(births, 'was enqueued');
}

function commandsCommittedTwice(commits: readonly RecordedCommit[]): readonly string[] {
  const counts = new Map<string, number>();
  /** Revisions with which the commits of a command ended. */
  const ends = new Map<string, number>();
  for (const { aggregate, aggregateId, commandId, commands, ...commit } of commits) {
    // An alarm is named for its time, and may ring again for the same.
    if (commit.commandType === 'pass-deadline') continue;
    for (const { id } of commands ?? [{ id: commandId }]) {
      const key = `${aggregate} ${aggregateId} command ${id}`;
      // What is left to conclude after a command follows at once, in its name.
      const isRest = ends.get(key) === commit.firstRevision - 1;
      if (!isRest) counts.set(key, (counts.get(key) ?? 0) + 1);
      ends.set(key, commit.firstRevision + commit.events.length - 1);
    }
  }
  return moreThanOnce(counts, 'was committed');
}

/** A kernel runs once in an attempt. */
function startsOfOneAttempt(commits: readonly RecordedCommit[]): readonly string[] {
  const starts = new Map<string, number>();
  const attempts = new Map<string, number>();
  for (const { aggregate, aggregateId, events } of commits) {
    if (aggregate !== 'session') continue;
    for (const event of events as readonly SessionEvent[]) {
      if (event.type === 'session-scheduled') attempts.set(aggregateId, event.attempt);
      if (event.type !== 'kernel-running') continue;
      const key = `kernel ${event.kernel} of attempt ${attempts.get(aggregateId)}`;
      starts.set(key, (starts.get(key) ?? 0) + 1);
    }
  }
  return moreThanOnce(starts, 'ran');
}

/** Real programs leave a mark at each start. */
function programsStartedTwice(commits: readonly RecordedCommit[], load: Load): readonly string[] {
  const attempts = new Map<string, number>();
  const names = new Map<string, string>();
  for (const { aggregate, aggregateId, events } of commits) {
    if (aggregate !== 'session') continue;
    for (const event of events as readonly SessionEvent[]) {
      if (event.type === 'session-enqueued') names.set(aggregateId, event.request.name);
      if (event.type === 'session-scheduled')
        attempts.set(names.get(aggregateId) ?? '', event.attempt);
    }
  }
  return [...load.programStarts()]
    .filter(([name, starts]) => starts > (attempts.get(name) ?? 0))
    .map(([name, starts]) => `${name} started ${starts} times in ${attempts.get(name)} attempts`);
}

/** One session a key, for whoever asks again. */
async function creationsByKey(load: Load): Promise<readonly string[]> {
  const faults: string[] = [];
  const asked = load.asked.filter(({ kind, session }) => kind !== 'cluster' && session);
  const left = [...asked];
  const askAll = async (): Promise<void> => {
    for (let each = left.pop(); each !== undefined; each = left.pop()) {
      const again = await load.askAgain(each);
      if (again.session !== each.session) faults.push(`${nameOf(each)} is ${again.session} too`);
      if (again.isCreated) faults.push(`${nameOf(each)} was created anew`);
    }
  };
  await Promise.all(Array.from({ length: ASKED_AGAIN_AT_ONCE }, askAll));
  return faults;
}

function nameOf({ name, session }: Asked): string {
  return `${name} ${session}`;
}

async function brokenParts(
  { client, bus }: Stand,
  commits: readonly RecordedCommit[],
): Promise<readonly string[]> {
  const broken: string[] = [];
  const overcommitted = findOvercommitment(commits);
  if (overcommitted !== undefined) broken.push(`slots were given twice: ${overcommitted}`);
  const chain = findBrokenChain(commits);
  if (chain !== undefined) broken.push(`the chain is broken: ${chain}`);
  const projections = await client.verifyProjections();
  if (!projections.isEqual) broken.push(`the rows differ: ${JSON.stringify(projections)}`);
  const audit = await client.verifyAudit({});
  if (!audit.isWhole) broken.push(`the audit is not clean: ${JSON.stringify(audit)}`);
  for (const { id, error } of await bus.setAside.list())
    broken.push(`a command was set aside as ${id}: ${error}`);
  return broken;
}

function* sessionEvents(commits: readonly RecordedCommit[]): Generator<SessionEvent> {
  for (const { aggregate, events } of commits)
    if (aggregate === 'session') yield* events as readonly SessionEvent[];
}

function moreThanOnce(counts: ReadonlyMap<string, number>, what: string): readonly string[] {
  return [...counts]
    .filter(([, count]) => count > 1)
    .map(([name, count]) => `${name} ${what} ${count} times`);
}
