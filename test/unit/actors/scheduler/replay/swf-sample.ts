import { chanceOf } from '../planning/mixed-load.ts';

/** A small trace of our own making in the Standard Workload Format: a day of jobs on 128 processors. */
export function writeSwf(jobs: number, seed: number): string {
  const chance = chanceOf(seed);
  const header = [
    '; Version: 2.2',
    '; Computer: none, generated',
    `; MaxJobs: ${jobs}`,
    '; MaxNodes: 8',
    '; MaxProcs: 128',
    '; UnixStartTime: 0',
    '; TimeZoneString: UTC',
    '; Note: made by a generator, not recorded',
  ];
  let submitSeconds = 0;
  const lines = Array.from({ length: jobs }, (_, index) => {
    submitSeconds += Math.floor((2 * 86_400 * chance()) / jobs);
    const processors = 2 ** Math.floor(6 * chance());
    const runSeconds = Math.floor(60 + 7200 * chance() ** 2);
    const isCancelled = chance() < 0.03;
    const asked = Math.ceil((runSeconds * (1 + chance())) / 60) * 60;
    return [
      index + 1,
      submitSeconds,
      -1,
      isCancelled ? -1 : runSeconds,
      isCancelled ? -1 : processors,
      -1,
      -1,
      processors,
      asked,
      256 * 1024,
      isCancelled ? 5 : 1,
      1 + Math.floor(8 * chance()),
      1 + Math.floor(3 * chance()),
      -1,
      1,
      1,
      -1,
      -1,
    ].join(' ');
  });
  return `${[...header, ...lines].join('\n')}\n`;
}
