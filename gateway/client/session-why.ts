import type { DateTime, SessionStatus, Slots } from './model.ts';

/** Why a session waits. */
export interface SessionWhy {
  readonly sessionId: string;
  readonly status: SessionStatus;
  readonly isWaiting: boolean;
  readonly code: string | null;
  readonly message: string | null;
  readonly checks: readonly { readonly name: string; readonly message: string }[];
  readonly missingSlots: Slots | null;
  readonly agents: {
    readonly inGroup: number;
    readonly schedulable: number;
    readonly compatible: number;
    readonly largeEnough: number;
  } | null;
  readonly place: number | null;
  readonly queuedAt: DateTime | null;
  readonly attempt: number | null;
  readonly forecast: StartForecast | null;
}

/** When a session that waits is expected to start, as the scheduler foretold it. */
export interface StartForecast {
  readonly askedAt: DateTime;
  /** In its resource group, itself among them. */
  readonly waiting: number;
  readonly startsAt: DateTime | null;
  readonly earliest: DateTime | null;
  readonly latest: DateTime | null;
  /** Why no time can be named; there may be a range all the same. */
  readonly message: string | null;
  readonly suggestions: readonly StartSuggestion[];
  readonly score: ForecastScore | null;
}

/** What could be asked for instead, to start at once; what is null stays as it is. */
export interface StartSuggestion {
  readonly change: string;
  readonly message: string;
  readonly resourceGroup: string | null;
  readonly clusterMode: string | null;
  readonly kernels: readonly Slots[] | null;
  readonly runsAtMostSeconds: number | null;
}

/** How earlier forecasts in the resource group came out. */
export interface ForecastScore {
  readonly count: number;
  readonly withinTwice: number;
  readonly withinRange: number;
  readonly errorP50Seconds: number;
  readonly errorP95Seconds: number;
}
