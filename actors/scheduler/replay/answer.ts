import {
  DEFAULT_FAIR_SHARE,
  DEFAULT_GROUP_POLICY,
  err,
  type FairShareAnswer,
  OWNERS_LISTED_MAX,
  ok,
  type RecordedCommit,
  type Rejection,
  type ReplayAnswer,
  type ReplayColumn,
  type Result,
  type SchedulerEvent,
  type SchedulingAnswer,
  type SchedulingQuestion,
} from '@orrery/bus';
import { DEFAULT_GROUP } from '../administration.ts';
import { standingsOf } from '../fair-use.ts';
import { fold } from '../fold.ts';
import { isBytes } from '../planning/amounts.ts';
import type { Vector } from '../planning/vector.ts';
import { fairShareTerms } from '../situation.ts';
import { emptyState, type SchedulerState } from '../state.ts';
import { type RecordedPlacement, Recorder, type Recording, TURNS_MAX } from './recording.ts';
import { type PolicyChange, replay } from './run.ts';
import { parseSwf, TraceMalformed } from './swf.ts';
import type { Outcome, Waits } from './tally.ts';
import { recordingOfTrace } from './trace.ts';

/** Commits behind the period that are read to learn how long those ran who were there. */
const COMMITS_BEHIND_MAX = 200_000;
const OWN = 'own';

type Question<Type extends SchedulingQuestion['type']> = Extract<
  SchedulingQuestion,
  { readonly type: Type }
>;

export interface Sources {
  /** The scheduler's log from its beginning. */
  readonly commits: () => AsyncIterable<Pick<RecordedCommit, 'recordedAtMs' | 'events'>>;
  /** What the log comes to. */
  readonly state: () => Promise<SchedulerState>;
  readonly nowMs: number;
  /** Text of the trace of a workload. */
  readonly trace?: string | undefined;
}

/** What is asked, from the log alone: nothing that runs is touched. */
export async function answer(
  question: SchedulingQuestion,
  sources: Sources,
): Promise<SchedulingAnswer> {
  const answered = await answerOf(question, sources);
  return answered.ok ? answered.value : { type: 'refused', ...answered.error };
}

async function answerOf(
  question: SchedulingQuestion,
  sources: Sources,
): Promise<Result<SchedulingAnswer, Rejection>> {
  switch (question.type) {
    case 'replay':
      return replayPeriod(question, sources);
    case 'workload':
      return replayTrace(question, sources.trace ?? '');
    case 'fair-share':
      return standingsIn(await sources.state(), question.group, sources.nowMs);
    case 'forecast-scores': {
      const { experience } = await sources.state();
      return ok({ type: 'forecast-scores', groups: [...experience.scores()] });
    }
    default:
      return question satisfies never;
  }
}

async function replayPeriod(
  { group, fromMs, toMs, policies }: Question<'replay'>,
  sources: Sources,
): Promise<Result<ReplayAnswer, Rejection>> {
  if (!(fromMs < toMs)) return refuse('replay-invalid', 'the period ends before it begins', 'from');
  if (fromMs >= sources.nowMs)
    return refuse('replay-invalid', 'the period has not begun yet', 'from');
  const untilMs = Math.min(toMs, sources.nowMs);
  const read = await record({ fromMs, toMs: untilMs }, sources);
  if (!read.ok) return read;
  const { recording, knows } = read.value;
  if (!knows(group)) return refuse('resource-group-unknown', UNKNOWN_GROUP, 'resourceGroup');
  const isTouched = recording.turns.length > 0 || recording.placements.length > 0;
  if (!isTouched)
    return refuse('replay-invalid', 'nothing happened in the period; choose another', 'from');
  const columns: ReplayColumn[] = [];
  let again: readonly RecordedPlacement[] = [];
  const trials: readonly { readonly name: string; readonly change?: PolicyChange }[] = [
    { name: OWN },
    ...policies,
  ];
  for (const { name, change } of trials) {
    const replayed = replay(recording, { group, policy: change });
    if (!replayed.ok) return err(ofPolicy(replayed.error, name));
    columns.push(columnOf(name, change === undefined, replayed.value.outcome));
    if (change === undefined) again = replayed.value.placements;
  }
  const recorded = compared(recording.placements, again, group);
  return ok({ type: 'replay', group, fromMs, toMs: untilMs, recorded, skippedJobs: 0, columns });
}

const UNKNOWN_GROUP = 'there is no such resource group, and there was none in the period';

function compared(
  recorded: readonly RecordedPlacement[],
  replayed: readonly RecordedPlacement[],
  group: string,
): NonNullable<ReplayAnswer['recorded']> {
  const key = (one: RecordedPlacement): string => JSON.stringify(one);
  const again = new Set(replayed.map(key));
  const own = recorded.filter((one) => one.group === group);
  return { placements: own.length, same: own.filter((one) => again.has(key(one))).length };
}

interface Read {
  readonly recording: Recording;
  readonly knows: (group: string) => boolean;
}

async function record(
  period: { readonly fromMs: number; readonly toMs: number },
  { commits }: Sources,
): Promise<Result<Read, Rejection>> {
  const state = emptyState();
  let recorder: Recorder | undefined;
  let behind = 0;
  const seen = new Set<string>();
  for await (const { recordedAtMs, events: unchecked } of commits()) {
    // Whoever wrote them has checked them; what is not known was written by a newer version.
    const events = unchecked as readonly SchedulerEvent[];
    if (recorder === undefined && recordedAtMs < period.fromMs) {
      for (const event of events) fold(state, event);
      continue;
    }
    recorder ??= new Recorder(state, period);
    if (recordedAtMs > period.toMs) {
      behind += 1;
      if (recorder.isSettled || behind > COMMITS_BEHIND_MAX) break;
    } else for (const event of events) note(seen, event);
    recorder.take({ recordedAtMs, events });
    if (recorder.turns > TURNS_MAX)
      return refuse('replay-too-long', `the period holds more than ${TURNS_MAX} turns`, 'to');
  }
  const recording = (recorder ?? new Recorder(state, period)).recording();
  const knows = (group: string): boolean =>
    group === DEFAULT_GROUP ||
    seen.has(group) ||
    state.policies.has(group) ||
    state.groups.has(group);
  return ok({ recording, knows });
}

function note(groups: Set<string>, event: SchedulerEvent): void {
  if (event.type === 'session-queued') groups.add(event.queued.resourceGroup);
  else if (event.type === 'group-policy-set') groups.add(event.group);
  else if ('capacity' in event) groups.add(event.capacity.resourceGroup);
}

function replayTrace(
  { nodes, slots, policies }: Question<'workload'>,
  text: string,
): Result<ReplayAnswer, Rejection> {
  if (!(Number(slots['cpu'] ?? '0') >= 1))
    return refuse('replay-invalid', 'a node has at least one cpu', 'workload.slots');
  let load: ReturnType<typeof recordingOfTrace>;
  try {
    load = recordingOfTrace(parseSwf(text), { count: nodes, slots });
  } catch (error) {
    if (!(error instanceof TraceMalformed)) throw error;
    return refuse('replay-invalid', error.message, 'workload.trace');
  }
  const { recording, skipped } = load;
  if (recording.turns.length === 0)
    return refuse('replay-invalid', 'the trace holds no job that ran', 'workload.trace');
  if (recording.turns.length > TURNS_MAX)
    return refuse(
      'replay-too-long',
      `the trace holds more than ${TURNS_MAX} jobs`,
      'workload.trace',
    );
  const columns: ReplayColumn[] = [];
  const trials = policies.length > 0 ? policies : [{ name: 'default', change: {} }];
  for (const { name, change } of trials) {
    const replayed = replay(recording, { group: DEFAULT_GROUP, policy: change });
    if (!replayed.ok) return err(ofPolicy(replayed.error, name));
    columns.push(columnOf(name, false, replayed.value.outcome));
  }
  const { fromMs } = recording;
  const toMs = fromMs + Math.max(...columns.map(({ spanMs }) => spanMs));
  return ok({
    type: 'replay',
    group: DEFAULT_GROUP,
    fromMs,
    toMs,
    recorded: null,
    skippedJobs: skipped,
    columns,
  });
}

function columnOf(name: string, isOwn: boolean, outcome: Outcome): ReplayColumn {
  const { waitByUser, waitBySize, ...rest } = outcome;
  const users = Object.entries(waitByUser)
    .map(([user, waits]) => ({ user, ...waits }))
    .sort((left, right) => right.count - left.count || (left.user < right.user ? -1 : 1));
  return {
    name,
    isOwn,
    ...rest,
    waitByUser: users.slice(0, OWNERS_LISTED_MAX),
    usersLeftOut: Math.max(0, users.length - OWNERS_LISTED_MAX),
    waitBySize: sizesOf(waitBySize),
  };
}

function sizesOf(waits: Readonly<Record<string, Waits>>): ReplayColumn['waitBySize'] {
  return Object.entries(waits).map(([kernels, some]) => ({ kernels, ...some }));
}

function standingsIn(
  state: SchedulerState,
  group: string,
  nowMs: number,
): Result<FairShareAnswer, Rejection> {
  const isKnown = group === DEFAULT_GROUP || state.policies.has(group) || state.groups.has(group);
  if (!isKnown)
    return refuse('resource-group-unknown', 'there is no such resource group', 'resourceGroup');
  const policy = state.policies.get(group) ?? DEFAULT_GROUP_POLICY;
  const { halfLifeDays, decayUnitDays, lookbackDays } = policy.fairShare ?? DEFAULT_FAIR_SHARE;
  const all = standingsOf(state.fairUse.groups.get(group), fairShareTerms(state, group, nowMs));
  const slotSeconds = (amounts: Vector): Readonly<Record<string, number>> =>
    Object.fromEntries(
      state.book.names.flatMap((name, slot) => {
        const amount = (amounts[slot] ?? 0) / (isBytes(name) ? 1 : 1000);
        return amount > 0 ? [[name, amount]] : [];
      }),
    );
  const listed = [...Map.groupBy(all, ({ kind }) => kind).values()].flatMap((alike) =>
    alike.slice(0, OWNERS_LISTED_MAX),
  );
  return ok({
    type: 'fair-share',
    group,
    atMs: nowMs,
    isInForce: policy.ordering === 'fair-share',
    halfLifeDays,
    decayUnitDays,
    lookbackDays,
    owners: listed.map(({ used, counted, ...one }) => ({
      ...one,
      usedSlotSeconds: slotSeconds(used),
      countedSlotSeconds: slotSeconds(counted),
    })),
    ownersLeftOut: all.length - listed.length,
  });
}

/** Which of the policies it was that makes no sense. */
function ofPolicy(rejection: Rejection, name: string): Rejection {
  const field = rejection.field === undefined ? 'policies' : `policies.${rejection.field}`;
  return { code: rejection.code, message: `policy ${name}: ${rejection.message}`, field };
}

function refuse(code: string, message: string, field: string): Result<never, Rejection> {
  return err({ code, message, field });
}
