import { systemClock } from '@orrery/bus';
import { SimulatedDriver } from '../../../../actors/agent/simulated/simulated-driver.ts';
import {
  SIMULATION_VARIABLE,
  type Simulation,
} from '../../../../actors/agent/simulated/simulation.ts';
import { driverSuite } from '../../../contract/driver/driver-suite.ts';

const simulate = (simulation: Partial<Simulation>) => ({
  environ: { [SIMULATION_VARIABLE]: JSON.stringify(simulation) },
});

driverSuite({
  name: 'simulated',
  isReal: false,
  survives: false,
  makeBench: async () => ({
    image: 'simulated',
    programs: {
      exit: (exitCode) => simulate({ exitCode, startMs: 1 }),
      print: (stdout, stderr) => simulate({ stdout, stderr, pullMs: 1 }),
      wait: () => simulate({ stdout: 'ready', runMs: null }),
    },
    open: async () => new SimulatedDriver({ clock: systemClock }),
    close: async () => undefined,
  }),
});
