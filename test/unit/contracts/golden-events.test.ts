import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { AggregateName, contracts } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { z } from 'zod';

/** Set to rewrite the schemas: a changed contract is then a difference to be reviewed. */
const REWRITE = process.env['ORRERY_WRITE_GOLDEN'] === '1';

const goldenUrl = (name: string): URL => new URL(`../../golden/${name}`, import.meta.url);
const samples: Readonly<Record<string, readonly { readonly type: string }[]>> = JSON.parse(
  readFileSync(goldenUrl('event-samples.json'), 'utf8'),
);

const golden = suite('contracts: golden samples');

for (const name of AggregateName.options) {
  const { event } = contracts[name];
  golden(`every event of a ${name} has a sample, which is read back as it was written`, () => {
    const types = event.options.map((option) => option.shape.type.value).sort();
    assert.equal((samples[name] ?? []).map(({ type }) => type).sort(), types);
    for (const sample of samples[name] ?? []) assert.equal(event.parse(sample), sample);
  });

  golden(`the shapes of the events of a ${name} are those that were agreed`, () => {
    const url = goldenUrl(`${name}-events.schema.json`);
    const schema = `${JSON.stringify(z.toJSONSchema(event), undefined, 2)}\n`;
    if (REWRITE) writeFileSync(url, schema);
    assert.ok(existsSync(url), 'written once with ORRERY_WRITE_GOLDEN=1');
    assert.fixture(schema, readFileSync(url, 'utf8'));
  });
}

golden('an event from a newer writer is read without what this reader does not know', () => {
  const { session } = contracts;
  const newer = { type: 'session-running', measure: 'unknown today' };
  assert.equal(session.event.parse(newer), { type: 'session-running' });
});

golden.run();
