import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { runChaos } from './chaos.ts';

const USAGE = `npm run chaos -- [--seed N] [--minutes M]
  kills, stops and fills the parts of a whole cluster at random (60 minutes by default), and looks what holds
`;
const MINUTES_DEFAULT = '60';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(randomInt(2 ** 31)) },
    minutes: { type: 'string', default: MINUTES_DEFAULT },
  },
});
const [seed, minutes] = [Number(values.seed), Number(values.minutes)];
if (!Number.isSafeInteger(seed) || !(minutes > 0)) {
  process.stderr.write(USAGE);
  process.exit(2);
}
process.stderr.write(`seed ${seed}, ${minutes} minutes\n`);
const report = await runChaos({ seed, minutes }, (line) => process.stderr.write(`${line}\n`));
process.stdout.write(`${JSON.stringify(report)}\n`);
process.exit(report.chaos === 'passed' ? 0 : 1);
