import {
  err,
  ok,
  parseByteSize,
  REPLAY_NODES_MAX,
  REPLAY_POLICIES_MAX,
  type Rejection,
  type ReplayAnswer,
  type ReplayColumn,
  type Result,
  type SchedulingQuestion,
  Slots,
} from '@orrery/bus';
import { z } from 'zod';
import { authoriseSignedIn } from '../../auth/authorise.ts';
import { safeParseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { parseGroupChange, SetGroupArguments } from '../resource-groups/group-change.ts';
import { askScheduler } from './ask-scheduler.ts';

const DAY_MS = 86_400_000;
const PERIOD_DAYS_MAX = 366;
const SHOWN_CHARACTERS_MAX = 64;
/** Slots with which a trace can do something. */
const TRACE_SLOTS = ['cpu', 'mem'];

const Arguments = z.strictObject({
  input: z.strictObject({
    resourceGroup: z.string().min(1).max(64).optional(),
    from: z.number().optional(),
    to: z.number().optional(),
    policies: z.array(SetGroupArguments.shape.input).max(REPLAY_POLICIES_MAX).optional(),
    workload: z
      .strictObject({
        trace: z.base64().min(1),
        nodes: z.int().min(1).max(REPLAY_NODES_MAX),
        slots: z.record(z.string(), z.string()),
      })
      .optional(),
  }),
});
type Input = z.infer<typeof Arguments>['input'];
type TriedPolicies = Extract<SchedulingQuestion, { readonly type: 'replay' }>['policies'];

export async function scheduleReplay(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  authoriseSignedIn(context.caller, 'Query.scheduleReplay');
  const parsed = safeParseArguments(Arguments, unparsed);
  if (!parsed.ok) return { rejection: parsed.error };
  const { input } = parsed.value;
  const known = await context.gateway.projections.knownSlots();
  const defaultGroup = await context.gateway.groupRules.defaultName();
  const knownSlots = [...new Set([...known, ...TRACE_SLOTS])];
  const question = questionOf(input, { knownSlots, defaultGroup });
  if (!question.ok) return { rejection: question.error };
  const answer = await askScheduler(context, question.value, input.workload?.trace);
  if (!answer.ok) return { rejection: answer.error };
  return answer.value.type === 'replay' ? { replay: shapeReplay(answer.value) } : {};
}

interface Surroundings {
  readonly knownSlots: readonly string[];
  readonly defaultGroup: string;
}

function questionOf(
  input: Input,
  { knownSlots, defaultGroup }: Surroundings,
): Result<SchedulingQuestion, Rejection> {
  const { from, to, workload, resourceGroup } = input;
  const policies = policiesOf(input, knownSlots);
  if (!policies.ok) return policies;
  if (workload !== undefined) {
    if (from !== undefined || to !== undefined || resourceGroup !== undefined)
      return refuse('workload', 'a workload has its own times; leave resourceGroup, from, to out');
    const slots = traceSlots(workload.slots);
    if (!slots.ok) return slots;
    const { nodes } = workload;
    return ok({ type: 'workload', nodes, slots: slots.value, policies: policies.value });
  }
  if (from === undefined) return refuse('from', 'say when the period begins');
  if (to === undefined) return refuse('to', 'say when the period ends');
  if (from === to) return refuse('to', 'the period is empty');
  if (from > to) return refuse('from', 'the period ends before it begins');
  if (to - from > PERIOD_DAYS_MAX * DAY_MS)
    return refuse('to', `a period has at most ${PERIOD_DAYS_MAX} days`);
  const group = resourceGroup ?? defaultGroup;
  return ok({ type: 'replay', group, fromMs: from, toMs: to, policies: policies.value });
}

/** `mem` also as `64g`. */
function traceSlots(texts: Readonly<Record<string, string>>): Result<Slots, Rejection> {
  const slots: Record<string, string> = {};
  for (const [name, text] of Object.entries(texts)) {
    const field = `workload.slots.${name.slice(0, SHOWN_CHARACTERS_MAX)}`;
    if (!TRACE_SLOTS.includes(name)) return refuse(field, 'a trace knows only cpu and mem');
    const amount = name === 'mem' ? parseByteSize(text)?.toString() : text;
    if (amount === undefined || !Slots.safeParse({ [name]: amount }).success)
      return refuse(field, name === 'mem' ? 'a size such as 64g' : 'a number of cores');
    slots[name] = amount;
  }
  return ok(slots);
}

function policiesOf(
  { policies = [] }: Input,
  knownSlots: readonly string[],
): Result<TriedPolicies, Rejection> {
  const tried: TriedPolicies[number][] = [];
  for (const [index, policy] of policies.entries()) {
    const { name } = policy;
    if (policies.findIndex((one) => one.name === name) !== index)
      return refuse(`policies.${index}.name`, `two policies are called ${name}`);
    const change = parseGroupChange(policy, knownSlots);
    if (!change.ok) {
      const { field = 'input', ...rest } = change.error;
      return err({ ...rest, field: `policies.${index}.${field}` });
    }
    if (change.value.type === 'set-group') tried.push({ name, change: change.value.policy });
  }
  return ok(tried);
}

function shapeReplay(answer: ReplayAnswer): object {
  const { group, fromMs, toMs, recorded, skippedJobs, columns } = answer;
  return {
    resourceGroup: group,
    from: fromMs,
    to: toMs,
    recordedPlacements: recorded?.placements ?? null,
    samePlacements: recorded?.same ?? null,
    skippedJobs,
    columns: columns.map(shapeColumn),
  };
}

function shapeColumn(column: ReplayColumn): object {
  return {
    ...column,
    wait: shapeWaits(column.wait),
    waitByUser: column.waitByUser.map(shapeWaits),
    waitBySize: column.waitBySize.map(shapeWaits),
    spanSeconds: column.spanMs / 1000,
  };
}

function shapeWaits<Waits extends { readonly p50Ms: number; readonly p95Ms: number }>({
  p50Ms,
  p95Ms,
  ...waits
}: Waits): object {
  return { ...waits, p50Seconds: p50Ms / 1000, p95Seconds: p95Ms / 1000 };
}

function refuse(field: string, message: string): Result<never, Rejection> {
  return err({ code: 'replay-invalid', message, field });
}
