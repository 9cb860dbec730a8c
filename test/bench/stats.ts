import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { systemClock } from '@orrery/bus';
import { kernelSpec } from '../contract/driver/driver-bench.ts';
import { dockerEngine, isDockerPossible } from '../environment/docker.ts';
import { testImage } from '../environment/image.ts';
import { AgentProcess, type AgentSetting } from '../integration/agent/agent-process.ts';
import { monotonicMs, percentile, print } from './measure.ts';
import { betweenYardsticks } from './yardsticks.ts';

const KERNELS = 100;
const MEBIBYTE = 1024 * 1024;
const ROUNDS = 4;
/** Several measurings; the clock of `/proc` goes in hundredths of a second. */
const WINDOW_MS = 30_000;
/** After its start an agent looks at all that there is, and measures it for the first time. */
const SETTLE_MS = 12_000;
const PERIOD_MS = { on: 5_000, off: 600_000 } as const;
const MS_PER_TICK = 10;

/**
 * What statistics cost an agent with 100 running kernels, as a share of one core: the CPU time of its process while it
 * measures every 5 s, less that of one which does not, in turns.
 */
export async function stats(): Promise<void> {
  const hasDocker = await isDockerPossible();
  await betweenYardsticks('stats', { withDocker: false }, async () => {
    const setting: AgentSetting = hasDocker
      ? { driver: 'docker', dockerSocket: (await dockerEngine()).socketPath }
      : { driver: 'process' };
    const image = hasDocker ? await testImage() : 'host';
    const agent = await AgentProcess.open(setting);
    const specs = Array.from({ length: KERNELS }, () =>
      kernelSpec(image, {
        kernel: randomUUID(),
        command: ['sleep', '3600'],
        slots: { cpu: '0.01', mem: String(32 * MEBIBYTE) },
      }),
    );
    try {
      await agent.start();
      for (const spec of specs) {
        await agent.wish({ shall: 'run', revision: 2, spec });
        await agent.until(spec, 'running');
      }
      await agent.end('SIGTERM');
      const shares = { on: [] as number[], off: [] as number[] };
      for (let round = 0; round < ROUNDS; round++)
        for (const mode of ['on', 'off'] as const)
          shares[mode].push(await shareOf(agent, PERIOD_MS[mode]));
      const bench = 'stats';
      const [on, off] = [percentile(shares.on, 0.5), percentile(shares.off, 0.5)];
      const unit = hasDocker ? 'cores (docker)' : 'cores (process)';
      print({ bench, metric: 'agent_share_with', value: on, unit });
      print({ bench, metric: 'agent_share_without', value: off, unit });
      print({ bench, metric: 'core_share', value: on - off, unit });
      await agent.start();
      for (const spec of specs) await agent.beGone(spec);
      for (const spec of specs) await agent.until(spec, 'exited');
    } finally {
      await agent.close();
    }
  });
}

/** Of one core, over a window in which nothing happens but measuring. */
async function shareOf(agent: AgentProcess, statisticsPeriodMs: number): Promise<number> {
  await agent.start({ ORRERY_AGENT_STATISTICS_PERIOD_MS: String(statisticsPeriodMs) });
  await systemClock.sleep(SETTLE_MS);
  const [beforeMs, startMs] = [cpuMs(agent.pid), monotonicMs()];
  await systemClock.sleep(WINDOW_MS);
  const share = (cpuMs(agent.pid) - beforeMs) / (monotonicMs() - startMs);
  await agent.end('SIGTERM');
  return share;
}

/** User and system time of the process itself. */
function cpuMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) * MS_PER_TICK;
}
