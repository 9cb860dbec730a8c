import type { Habit, Kind, Run } from './run-history.ts';

/** With less of them how much they vary cannot be told. */
const SAMPLES_MIN = 8;
/** Less that ran longer say nothing of what is still to come. */
const LONGER_MIN = 8;
/** Few vary by chance less than they will: by this share more, divided by how many there are. */
const FEW = 4;
/** Something else than the most alike limits is gone by only where it varied by so much less. */
const CLEARLY = 0.75;
/** Of those with a limit so many are taken at most, the most alike, */
const ALIKE_MAX = 40;
/** and only those that are unlike by less than this, if they are enough: the same work of the same user. */
const THE_SAME = 0.02;
/** Another user, image or type makes two as unlike as a limit that is 1.3 or 2.7 times as long. */
const OTHER_USER = 0.25;
const OTHER_IMAGE = 0.25;
const OTHER_TYPE = 1;

interface Asked {
  readonly atMostMs: number | undefined;
  readonly ranMs: number;
}

/** How long sessions like one that runs may run in all. */
export interface Lengths {
  /** Longer than it has already, sorted; none when too little is known. The same is asked in each run of a forecast. */
  over(kind: Kind, asked: Asked): readonly number[];
}

type Sample = Run & Kind;

/** How a set of those that ended tells the length of another: what they ran, or that share of its limit. */
interface Teller {
  /** How much they vary, as a factor's logarithm. */
  readonly spread: number;
  /** Whether it tells a share of the limit. */
  readonly isOfLimit: boolean;
  over(asked: Asked): readonly number[];
}

export function lengthsOf(habits: readonly Habit[]): Lengths {
  const samples = habits.flatMap(({ runs, ...kind }) => runs.map((run) => ({ ...kind, ...run })));
  const sets = setsOf(samples);
  const limited = samples.filter(({ atMostMs = 0 }) => atMostMs > 0);
  const tellers = new Map<string, readonly Teller[]>();
  const answers = new Map<string, readonly number[]>();
  const tellersOf = (kind: Kind, atMostMs: number | undefined): readonly Teller[] => {
    const key = JSON.stringify([kind, atMostMs]);
    const known = tellers.get(key);
    if (known !== undefined) return known;
    const found = namesOf(kind).flatMap((name) => sets.get(name) ?? []);
    const alike = atMostMs === undefined ? [] : mostAlike(limited, kind, atMostMs);
    const others = found.flatMap(({ ran, share }) => [ran ?? [], share ?? []].flat());
    const handicap = alike.length === 0 ? 1 : 1 / CLEARLY;
    const all = [
      ...alike.map((teller) => ({ teller, spread: teller.spread })),
      ...others
        .filter(({ isOfLimit }) => !isOfLimit || atMostMs !== undefined)
        .map((teller) => ({ teller, spread: teller.spread * handicap })),
    ].sort((left, right) => left.spread - right.spread);
    const inOrder = all.map(({ teller }) => teller);
    tellers.set(key, inOrder);
    return inOrder;
  };
  return {
    over: (kind, asked) => {
      const key = JSON.stringify([kind, asked]);
      const answer = answers.get(key);
      if (answer !== undefined) return answer;
      const longer = firstOf(tellersOf(kind, asked.atMostMs), asked);
      answers.set(key, longer);
      return longer;
    },
  };
}

function firstOf(tellers: readonly Teller[], asked: Asked): readonly number[] {
  for (const teller of tellers) {
    const longer = teller.over(asked);
    if (longer.length >= LONGER_MIN) return longer;
  }
  return [];
}

/** Those that have something in common. */
interface Tellers {
  readonly ran?: Teller | undefined;
  readonly share?: Teller | undefined;
}

function setsOf(samples: readonly Sample[]): ReadonlyMap<string, Tellers> {
  const sets = new Map<string, Sample[]>();
  for (const sample of samples)
    for (const name of namesOf(sample)) {
      const set = sets.get(name);
      if (set === undefined) sets.set(name, [sample]);
      else set.push(sample);
    }
  return new Map(
    [...sets].map(([name, set]) => [name, { ran: byLength(set), share: byShare(set) }]),
  );
}

/** From the closest to the widest. */
function namesOf({ user, sessionType, image, group }: Kind): readonly string[] {
  const own = image === undefined ? [] : [['both', sessionType, user, image]];
  const same = image === undefined ? [] : [['image', sessionType, image]];
  const wider = [
    ['user', sessionType, user],
    ['group', sessionType, group ?? ''],
    ['type', sessionType],
  ];
  return [...own, ...same, ...wider, ['all']].map((name) => JSON.stringify(name));
}

function byLength(set: readonly Sample[]): Teller | undefined {
  const sorted = inOrder(set.map(({ ranMs }) => ranMs));
  return tellerOf(sorted, false, ({ ranMs }) => sorted.slice(firstOver(sorted, ranMs)));
}

function byShare(set: readonly Sample[]): Teller | undefined {
  const sorted = inOrder(set.flatMap(sharesOf));
  return tellerOf(sorted, true, ({ atMostMs = 0, ranMs }) =>
    sorted.slice(firstOver(sorted, ranMs / atMostMs)).map((share) => share * atMostMs),
  );
}

function sharesOf({ ranMs, atMostMs = 0 }: Run): readonly number[] {
  return atMostMs > 0 ? [ranMs / atMostMs] : [];
}

/**
 * Who asks for an hour ends otherwise than who asks for a day, even when all use the same share on the whole: short
 * limits come from short runs. So these go by the share that those used who are most alike in limit, user and image.
 */
function mostAlike(limited: readonly Sample[], kind: Kind, atMostMs: number): readonly Teller[] {
  const limitLog = Math.log(atMostMs);
  const nearest = limited
    .map(({ ranMs, atMostMs: most = 1, ...one }) => ({
      share: ranMs / most,
      unlike: Math.abs(Math.log(most) - limitLog) + unlikeness(one, kind),
    }))
    .sort((left, right) => left.unlike - right.unlike);
  const sharesOver = (least: number): readonly number[] => {
    const longer = nearest.filter(({ share }) => share > least).slice(0, ALIKE_MAX);
    const same = longer.filter(({ unlike }) => unlike < THE_SAME);
    return inOrder((same.length < SAMPLES_MIN ? longer : same).map(({ share }) => share));
  };
  const teller = tellerOf(sharesOver(0), true, ({ ranMs }) =>
    sharesOver(ranMs / atMostMs).map((share) => share * atMostMs),
  );
  return teller === undefined ? [] : [teller];
}

function unlikeness(left: Kind, right: Kind): number {
  return (
    (left.user === right.user ? 0 : OTHER_USER) +
    (left.image === right.image ? 0 : OTHER_IMAGE) +
    (left.sessionType === right.sessionType ? 0 : OTHER_TYPE)
  );
}

function tellerOf(
  sorted: readonly number[],
  isOfLimit: boolean,
  over: Teller['over'],
): Teller | undefined {
  if (sorted.length < SAMPLES_MIN) return undefined;
  const logs = sorted.map((value) => Math.log(Math.max(value, Number.MIN_VALUE)));
  const middle = logs[logs.length >> 1] ?? 0;
  const off = logs.reduce((sum, log) => sum + Math.abs(log - middle), 0) / logs.length;
  return { spread: off * (1 + FEW / sorted.length), isOfLimit, over };
}

function inOrder(values: readonly number[]): readonly number[] {
  return values.toSorted((left, right) => left - right);
}

function firstOver(sorted: readonly number[], least: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) > least) high = middle;
    else low = middle + 1;
  }
  return low;
}
