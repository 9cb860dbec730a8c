import { createLogger, systemClock } from '@orrery/bus';
import { ProcessDriver } from '../../../actors/agent/process/process-driver.ts';
import { driverSuite } from '../../contract/driver/driver-suite.ts';
import { makeScratch } from '../../environment/scratch.ts';

driverSuite({
  name: 'process',
  isReal: true,
  survives: true,
  makeBench: async () => {
    const scratch = makeScratch('process driver');
    return {
      image: 'host',
      programs: {
        exit: (code) => ({ command: ['sh', '-c', `exit ${code}`] }),
        print: (out, err) => ({
          command: ['sh', '-c', 'printf %s "$OUT"; sleep 0.1; printf %s "$ERR" >&2'],
          environ: { OUT: out, ERR: err },
        }),
        wait: () => ({ command: ['sh', '-c', 'echo ready; sleep 600'] }),
      },
      open: async (node) =>
        new ProcessDriver({
          directory: `${scratch.path}/${node}`,
          clock: systemClock,
          logger: createLogger({ name: 'test', level: 'warn' }),
          environ: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
        }),
      close: async () => scratch.remove(),
    };
  },
});
