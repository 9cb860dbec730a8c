import { createUsageLedger } from '../../../../../actors/scheduler/planning/checks.ts';
import type {
  GroupPolicy,
  KeypairLimits,
  NodeView,
  PendingLimits,
  PendingView,
  Plan,
  RunningView,
  Situation,
} from '../../../../../actors/scheduler/planning/model.ts';
import { DEFAULT_GROUP_POLICY } from '../../../../../actors/scheduler/planning/model.ts';
import type { Vector } from '../../../../../actors/scheduler/planning/vector.ts';

/** One case of a file under test/golden/scheduling, whose README holds the language. */
export interface Case {
  readonly name: string;
  readonly situation: Situation;
  readonly expected: readonly string[];
}

type Row = Readonly<Record<string, string>>;
type Sections = ReadonlyMap<string, readonly string[]>;

const NOW_MS = 1_000_000;
const GIB = 2 ** 30;
const SLOTS = ['cuda.device', 'cuda.shares', 'rocm.device', 'cpu', 'mem'];
const SHORT: Readonly<Record<string, string>> = {
  gpu: 'cuda.device',
  share: 'cuda.shares',
  rocm: 'rocm.device',
  cpu: 'cpu',
  mem: 'mem',
};

export function parseCases(text: string): readonly Case[] {
  return text
    .split(/^# /m)
    .slice(1)
    .map((block) => {
      const [name = '', ...lines] = block.split('\n');
      const sections = sectionsOf(lines);
      return {
        name: name.trim(),
        situation: situationOf(sections),
        expected: sections.get('expect') ?? [],
      };
    });
}

/** The plan in the words of the `expect` section, in the order of the plan. */
export function describePlan(decided: Plan): string[] {
  const { placed, held, ended, preempted, promised, broken, lookAgainAtMs } = decided;
  const places = placed.map(({ session, placements }) => {
    const nodes = placements.map(({ node }) => node);
    return `${session} -> ${nodes.join(' ')}`;
  });
  const waits = held.map(({ session, code, checks, missing, place }) => {
    const failed = checks.map(({ name }) => name).join(' ');
    const lacks = missing === undefined ? '' : ` lacks ${describe(missing)}`;
    return `${session} waits at ${place}: ${code}${checks.length > 1 ? ` (${failed})` : ''}${lacks}`;
  });
  const ends = ended.map(({ session, reason }) => `${session} ends: ${reason}`);
  const victims = preempted.map(
    ({ session, inFavourOf, mode }) =>
      `${session} makes room for ${inFavourOf}${mode === 'reschedule' ? ' and waits again' : ''}`,
  );
  const again =
    lookAgainAtMs === undefined ? [] : [`look again in ${(lookAgainAtMs - NOW_MS) / 1000} s`];
  const promises = promised.map(({ session, placements }) => {
    const nodes = placements.map(({ node }) => node);
    return `${session} is promised ${nodes.join(' ')}`;
  });
  const lost = broken.map((session) => `${session} loses its room`);
  return [...places, ...waits, ...ends, ...victims, ...promises, ...lost, ...again];
}

function sectionsOf(lines: readonly string[]): Sections {
  const sections = new Map<string, string[]>();
  let current: string[] = [];
  for (const line of lines) {
    if (line.trim() === '' || line.startsWith('//')) continue;
    if (/^\s/.test(line)) {
      current.push(line.trim());
      continue;
    }
    const [title = '', ...rest] = line.trim().split(/\s+/);
    current = rest.length === 0 ? [] : [rest.join(' ')];
    sections.set(title, current);
  }
  return sections;
}

function tableOf(lines: readonly string[] = []): readonly Row[] {
  const [head = '', ...rows] = lines;
  const titles = head.split(/\s+/);
  return rows.map((row) => {
    const cells = row.split(/\s+/);
    if (cells.length !== titles.length) throw new Error(`not ${titles.length} cells: ${row}`);
    return Object.fromEntries(
      titles.map((title, index) => [title, cells[index] === '-' ? '' : (cells[index] ?? '')]),
    );
  });
}

function situationOf(sections: Sections): Situation {
  const running = tableOf(sections.get('running')).map(runningOf);
  const groups = groupsOf(sections);
  const factors = new Map(
    tableOf(sections.get('factors')).map(({ key = '', factor }) => [key, Number(factor)]),
  );
  const base: Situation = {
    nowMs: NOW_MS,
    slots: SLOTS,
    nodes: tableOf(sections.get('agents')).map((row, turn) => nodeOf(row, turn, running)),
    pending: tableOf(sections.get('queue')).map(pendingOf),
    running,
    groups,
    limits: limitsOf(tableOf(sections.get('limits'))),
    usage: new Map(),
    factors: new Map(Object.keys(groups).map((group) => [group, factors])),
  };
  return { ...base, usage: usageOf(base) };
}

function nodeOf(row: Row, turn: number, running: readonly RunningView[]): NodeView {
  const { agent: name = '' } = row;
  const total = vectorOf(row);
  const placements = running.flatMap((one) => one.placements).filter(({ node }) => node === name);
  return {
    name,
    group: row['group'] || 'default',
    architecture: row['arch'] || 'x86_64',
    isSchedulable: row['state'] === undefined || row['state'] === '',
    total,
    free: placements.reduce(
      (free, { request }) => free.map((amount, slot) => amount - (request[slot] ?? 0)),
      [...total],
    ),
    containers: placements.length,
    ...(row['containers'] ? { containersMax: Number(row['containers']) } : {}),
    turn: row['turn'] ? Number(row['turn']) : turn,
    ...(row['network'] ? { network: row['network'] } : {}),
  };
}

function pendingOf(row: Row, index: number): PendingView {
  const session = row['session'] ?? '';
  const kernels = Number(row['kernels'] || 1);
  return {
    session,
    name: session,
    attempt: Number(row['attempt'] || 1),
    queuedAtMs: NOW_MS - (row['waited'] ? secondsOf(row['waited']) : 1000 - index),
    priority: Number(row['priority'] || 10),
    sessionType: (row['type'] || 'interactive') as PendingView['sessionType'],
    group: row['group'] || 'default',
    ...(row['arch'] ? { architecture: row['arch'] } : {}),
    clusterMode: row['mode'] === 'multi' ? 'multi-node' : 'single-node',
    owner: ownerOf(row),
    kernels: Array.from({ length: kernels }, (_, kernel) => ({
      kernel: `${session}-${kernel}`,
      request: vectorOf(row, kernel),
    })),
    ...(row['starts'] ? { startsAtMs: NOW_MS + secondsOf(row['starts']) } : {}),
    dependencies: listOf(row['after']).map((each) => {
      const [name = '', state = 'waited-for'] = each.split(':');
      return { session: name, name, state: state as 'waited-for' | 'succeeded' | 'failed' };
    }),
    ...designatedOf(row['on']),
    failedOn: listOf(row['failed']),
    ...placementGroupOf(row['with']),
    jobPriority: Number(row['job'] || 0),
    ...promisedOf(session, listOf(row['promised'])),
    ...(row['runs'] ? { runsAtMostMs: secondsOf(row['runs']) } : {}),
  };
}

/** A node for each kernel. */
function promisedOf(session: string, nodes: readonly string[]): Pick<PendingView, 'promised'> {
  if (nodes.length === 0) return {};
  return { promised: nodes.map((node, kernel) => ({ kernel: `${session}-${kernel}`, node })) };
}

function runningOf(row: Row): RunningView {
  const request = vectorOf(row);
  return {
    session: row['session'] ?? '',
    group: row['group'] || 'default',
    owner: ownerOf(row),
    sessionType: (row['type'] || 'interactive') as RunningView['sessionType'],
    placements: listOf(row['on']).map((node) => ({ node, request })),
    startedAtMs: NOW_MS - (row['ran'] ? secondsOf(row['ran']) : 60_000),
    ...(row['ends'] ? { endsAtMs: NOW_MS + secondsOf(row['ends']) } : {}),
    isPreemptible: row['preemptible'] !== 'no',
    ...(row['state'] === 'ending' ? { isEnding: true } : {}),
    jobPriority: Number(row['job'] || 0),
    ...(row['with'] ? { placementGroup: row['with'] } : {}),
  };
}

function ownerOf(row: Row): PendingView['owner'] {
  const userId = row['user'] || 'ann';
  return {
    userId,
    accessKey: row['key'] || userId,
    projectId: row['project'] || 'lab',
    domain: row['domain'] || 'default',
  };
}

/** `a,b` (strict) or `a,b?` (preferred). */
function designatedOf(text: string | undefined): Pick<PendingView, 'designated'> {
  if (!text) return {};
  const isPreferred = text.endsWith('?');
  return {
    designated: {
      nodes: listOf(isPreferred ? text.slice(0, -1) : text),
      policy: isPreferred ? 'preferred' : 'strict',
    },
  };
}

/** `spread:name`, `pack:name`; `!` at the end: strict. */
function placementGroupOf(text: string | undefined): Pick<PendingView, 'placementGroup'> {
  if (!text) return {};
  const [direction, name = ''] = text.split(':');
  const isStrict = name.endsWith('!');
  return {
    placementGroup: {
      name: isStrict ? name.slice(0, -1) : name,
      direction: direction === 'pack' ? 'pack' : 'spread',
      enforcement: isStrict ? 'strict' : 'preferred',
    },
  };
}

/** One `policy` section, of words and `key=value`; `policy GROUP` lines name others than `default`. */
function groupsOf(sections: Sections): Situation['groups'] {
  const lines = sections.get('policy') ?? [];
  const groups: Record<string, GroupPolicy> = { default: DEFAULT_GROUP_POLICY };
  for (const line of lines) {
    const [first = '', ...rest] = line.split(/\s+/);
    const [group, words] = first.endsWith(':')
      ? [first.slice(0, -1), rest]
      : ['default', [first, ...rest]];
    groups[group] = words.reduce(withWord, groups[group] ?? DEFAULT_GROUP_POLICY);
  }
  return groups;
}

function withWord(policy: GroupPolicy, word: string): GroupPolicy {
  const [key = '', value] = word.split('=');
  if (value === undefined) {
    if (['fifo', 'lifo', 'drf', 'fair-share'].includes(key))
      return { ...policy, ordering: key as GroupPolicy['ordering'] };
    return { ...policy, strategy: key as GroupPolicy['strategy'] };
  }
  const { preemption } = policy;
  switch (key) {
    case 'types':
      return {
        ...policy,
        allowedSessionTypes: listOf(value) as GroupPolicy['allowedSessionTypes'],
      };
    case 'timeout':
      return { ...policy, pendingTimeoutMs: secondsOf(value) };
    case 'reservation':
      return { ...policy, reservation: value as GroupPolicy['reservation'] };
    case 'weights':
      return { ...policy, weights: weightsOf(value) };
    case 'domains':
      return { ...policy, access: { domains: listOf(value), projects: [], accessKeys: [] } };
    case 'projects':
      return { ...policy, access: { domains: [], projects: listOf(value), accessKeys: [] } };
    case 'keys':
      return { ...policy, access: { domains: [], projects: [], accessKeys: listOf(value) } };
    case 'preempt':
      return {
        ...policy,
        preemption: { ...preemption, isEnabled: true, order: value as typeof preemption.order },
      };
    case 'scope':
      return {
        ...policy,
        preemption: { ...preemption, victimScope: value as typeof preemption.victimScope },
      };
    case 'victims':
      return { ...policy, preemption: { ...preemption, mode: value as typeof preemption.mode } };
    case 'containers':
      return { ...policy, containersPerNodeMax: Number(value) };
    case 'runtime':
      return { ...policy, preemption: { ...preemption, runtimeMinMs: secondsOf(value) } };
    default:
      throw new Error(`no policy word: ${word}`);
  }
}

function weightsOf(text: string): Readonly<Record<string, number>> {
  return Object.fromEntries(
    listOf(text).map((each) => {
      const [slot = '', weight] = each.split(':');
      return [SHORT[slot] ?? slot, Number(weight)];
    }),
  );
}

function limitsOf(rows: readonly Row[]): Situation['limits'] {
  const of = (kind: string): ReadonlyMap<string, Vector> =>
    new Map(
      rows
        .filter(({ of: what }) => what?.startsWith(`${kind}:`))
        .map((row) => [(row['of'] ?? '').slice(kind.length + 1), limitVectorOf(row)]),
    );
  const keypairs = rows
    .filter(({ of: what }) => what?.startsWith('keypair:'))
    .map((row): [string, KeypairLimits] => [
      (row['of'] ?? '').slice('keypair:'.length),
      {
        total: limitVectorOf(row),
        ...(row['sessions'] ? { concurrentSessionsMax: Number(row['sessions']) } : {}),
        ...(row['system'] ? { concurrentSystemSessionsMax: Number(row['system']) } : {}),
      },
    ]);
  const pendingOf = (kind: string): ReadonlyMap<string, PendingLimits> =>
    new Map(
      rows
        .filter(({ of: what, pending, pendingcpu }) => {
          return what?.startsWith(`${kind}:`) && (pending || pendingcpu);
        })
        .map(({ of: what = '', pending, pendingcpu }) => [
          what.slice(kind.length + 1),
          {
            ...(pending ? { sessionsMax: Number(pending) } : {}),
            ...(pendingcpu ? { totalMax: limitVectorOf({ cpu: pendingcpu }) } : {}),
          },
        ]),
    );
  return {
    pending: {
      keypair: pendingOf('keypair'),
      user: pendingOf('user'),
      project: pendingOf('project'),
      domain: pendingOf('domain'),
    },
    keypairs: new Map(keypairs),
    users: of('user'),
    projects: of('project'),
    domains: of('domain'),
  };
}

/** What the running sessions hold, counted as a pass counts what it places. */
function usageOf(situation: Situation): Situation['usage'] {
  const ledger = createUsageLedger(situation);
  const entries = situation.running.flatMap((one) => {
    const { accessKey, userId, projectId, domain } = one.owner;
    ledger.add({
      ...pendingOf({ session: one.session }, 0),
      sessionType: one.sessionType,
      owner: one.owner,
      kernels: one.placements.map(({ request }, kernel) => ({ kernel: String(kernel), request })),
    });
    return [
      ['keypair', accessKey],
      ['user', userId],
      ['project', projectId],
      ['domain', domain],
    ] as const;
  });
  return new Map(entries.map(([kind, id]) => [`${kind}:${id}`, ledger.of(kind, id)]));
}

/** Of one kernel: `4+2` is 4 for the first and 2 for the second; a single amount is for all. */
function vectorOf(row: Row, kernel = 0): number[] {
  return SLOTS.map((slot) => {
    const title = Object.keys(SHORT).find((each) => SHORT[each] === slot) ?? slot;
    const amounts = (row[title] ?? '').split('+');
    return amountOf(amounts[amounts.length === 1 ? 0 : kernel] ?? '', slot);
  });
}

function limitVectorOf(row: Row): Vector {
  return SLOTS.map((slot) => {
    const title = Object.keys(SHORT).find((each) => SHORT[each] === slot) ?? slot;
    return row[title] ? amountOf(row[title], slot) : Number.POSITIVE_INFINITY;
  });
}

/** Memory in GiB, everything else in units. */
function amountOf(text: string, slot: string): number {
  if (text === '') return 0;
  return Math.round(Number(text) * (slot === 'mem' ? GIB : 1000));
}

function describe(slots: Vector): string {
  const titles = Object.entries(SHORT);
  return SLOTS.flatMap((slot, index) => {
    const amount = slots[index] ?? 0;
    if (amount === 0) return [];
    const title = titles.find(([, name]) => name === slot)?.[0] ?? slot;
    return [`${amount / (slot === 'mem' ? GIB : 1000)} ${title}`];
  }).join(', ');
}

function secondsOf(text: string): number {
  return Number(text) * 1000;
}

function listOf(text: string | undefined): string[] {
  return (text ?? '').split(',').filter((each) => each !== '');
}
