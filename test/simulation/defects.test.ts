import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runSeeds, seedsFrom } from './campaign.ts';
import { type Defect, simulate } from './cluster.ts';
import { type DefectName, defects } from './defects.ts';

const SEEDS_MAX = 1000;

const broken = suite('simulation: a broken build is found');

for (const defect of Object.keys(defects) as readonly DefectName[]) {
  broken(`${defect} is found within ${SEEDS_MAX} seeds`, async () => {
    const seeds = seedsFrom(1, SEEDS_MAX);
    const { violations } = await runSeeds(seeds, { violationsMax: 1, defect });
    const [found] = violations;
    assert.ok(found !== undefined, 'no seed found it');
    process.stdout.write(`${JSON.stringify({ defect, ...found })}\n`);
  });
}

broken('a run that never ends is a violation and not a wait', async () => {
  const ringingAtOnce: Defect = (bus) => ({
    ...bus,
    alarms: { ...bus.alarms, set: (envelope) => bus.alarms.set(envelope, 0) },
  });
  // Five times what the sound build takes for this seed; the bound of the campaign stands above every seed's.
  const { wakes, violation: sound } = await simulate(7, undefined, 5_000);
  assert.is(sound, undefined);
  const { violation } = await simulate(7, ringingAtOnce, wakes * 5);
  assert.match(violation ?? '', 'no end after');
});

broken.run();
