import type { SessionWhy, StartForecast } from '../../client/session-why.ts';
import type { CommandContext } from '../context.ts';
import { NothingFound } from '../errors.ts';
import { lookUpSession } from '../session-lookup.ts';
import { cardLines } from '../table.ts';
import { wordAgo, wordDuration, wordInstant, wordScore, wordSlots } from '../wording.ts';

type Row = readonly [string, string | null];

/** Why a session waits, when it is expected to start and what would start it at once. */
export async function explainSession(
  context: CommandContext,
  reference: string,
): Promise<undefined> {
  const { io, output, signal } = context;
  const client = await context.client();
  const { id } = await lookUpSession(client, reference, signal);
  const why = await client.sessionWhy(id, signal);
  if (why === undefined) throw new NothingFound('session-not-found', `there is no session ${id}`);
  await output.result(why, () => linesOf(why, io.clock.nowMs()));
}

function linesOf(why: SessionWhy, nowMs: number): readonly string[] {
  const { agents, checks, missingSlots, place, queuedAt, forecast } = why;
  const counts =
    agents === null
      ? null
      : `${agents.inGroup} in the group, ${agents.schedulable} taking sessions, ` +
        `${agents.compatible} compatible, ${agents.largeEnough} large enough`;
  return cardLines([
    ['status', why.status],
    ['waits', why.isWaiting ? 'yes' : 'no'],
    ['since', queuedAt === null ? null : wordAgo(queuedAt, nowMs)],
    ['place', place === null ? null : wordPlace(place, forecast)],
    ['held by', why.code],
    ['because', why.message],
    ...checks
      .slice(1)
      .map(({ name, message }): [string, string] => ['also', `${name}: ${message}`]),
    ['lacks', missingSlots === null ? null : wordSlots(missingSlots)],
    ['agents', counts],
    ...(forecast === null ? [] : forecastRows(forecast, nowMs)),
  ]);
}

function wordPlace(place: number, forecast: StartForecast | null): string {
  return forecast === null ? String(place) : `${place} of ${forecast.waiting}`;
}

function forecastRows(forecast: StartForecast, nowMs: number): readonly Row[] {
  const { startsAt, message, suggestions, score } = forecast;
  const rows: Row[] = [
    ['starts', startsAt === null ? message : wordStart(startsAt, nowMs)],
    ['range', wordRange(forecast)],
    ...suggestions.map(({ message: words }): Row => ['at once', words]),
  ];
  return score === null ? rows : [...rows, ['forecasts', wordScore(score)]];
}

function wordStart(startsAt: string, nowMs: number): string {
  return `about ${wordInstant(startsAt)} (in ${wordDuration(Date.parse(startsAt) - nowMs)})`;
}

function wordRange({ earliest, latest }: StartForecast): string | null {
  if (earliest === null) return null;
  return `from ${wordInstant(earliest)} ${latest === null ? 'on' : `to ${wordInstant(latest)}`}`;
}

/** Prints the id. JSON: the session. */
export async function setPriority(
  context: CommandContext,
  reference: string,
  priority: number,
): Promise<undefined> {
  const { output, signal } = context;
  const client = await context.client();
  const { id } = await lookUpSession(client, reference, signal);
  const session = await client.setSessionPriority({ id, priority }, signal);
  await output.result(session, () => [session.id]);
}
