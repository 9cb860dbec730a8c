import { parentPort, workerData } from 'node:worker_threads';
import {
  connectBus,
  createLogger,
  openSegmentStore,
  SCHEDULER_ID,
  systemClock,
  withArchive,
} from '@orrery/bus';
import { createHoldings } from '../runtime/holdings.ts';
import { schedulerAggregate } from '../scheduler/aggregate.ts';
import { answer } from '../scheduler/replay/answer.ts';
import type { SchedulerState } from '../scheduler/state.ts';
import type { QuestionWork } from './questions.ts';

/** One thread that answers one question from the log. */
async function main(): Promise<void> {
  // Given by `answerInThread` alone.
  const work = workerData as QuestionWork;
  const { question, trace, level } = work;
  const logger = createLogger({ name: 'control', level });
  const clock = systemClock;
  await using connected = await connectBus(work.bus, { name: 'control', logger });
  const log = withArchive(connected.log, openSegmentStore(work.archive, clock));
  await log.index.refresh();
  const bus = { ...connected, log };
  const state = async (): Promise<SchedulerState> => {
    const limits = { heldMax: 1, heldBytesMax: 1 };
    const holdings = createHoldings({ bus, clock, logger, ...limits });
    // The scheduler's state is what its aggregate says it is.
    return (await holdings.load(schedulerAggregate, SCHEDULER_ID)).state as SchedulerState;
  };
  const commits = () => log.read('scheduler', SCHEDULER_ID);
  parentPort?.postMessage(await answer(question, { commits, state, nowMs: clock.nowMs(), trace }));
}

await main();
