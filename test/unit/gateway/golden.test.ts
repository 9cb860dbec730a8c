import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { buildSchema, printSchema } from 'graphql';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { failures } from '../../../gateway/errors.ts';
import { readSchemaText } from '../../../gateway/graphql/schema.ts';

const GOLDEN = new URL('../../golden/', import.meta.url);
const mayWrite = process.env['ORRERY_WRITE_GOLDEN'] === '1';

/** Source files that name refusals in their answers. */
const REFUSING = [
  'archive/run-archive.ts',
  'commands/replay-set-aside-command.ts',
  '../inside/main-kernel.ts',
  'images/change-images.ts',
  'images/image-refusals.ts',
  'images/rescan-images.ts',
  'registries/change-registry.ts',
  'registries/registry-input.ts',
  'registries/registry-shape.ts',
  '../registries/rescan.ts',
  'limits/set-limits.ts',
  'resource-groups/group-change.ts',
  'resource-groups/remove-resource-group.ts',
  'presets/create-resource-preset.ts',
  'presets/preset-place.ts',
  'presets/preset-slots.ts',
  'presets/send-preset-command.ts',
  'scheduling/ask-scheduler.ts',
  'scheduling/schedule-replay.ts',
  'slot-texts.ts',
  'directory/change-projects.ts',
  'directory/change-users.ts',
  'directory/domains.ts',
  'directory/keypairs.ts',
  'directory/policies.ts',
  'directory/project-members.ts',
  'directory/user-rules.ts',
  'identity/sign-in.ts',
  'arguments.ts',
  'sessions/cluster.ts',
  'sessions/create-session.ts',
  'sessions/exec-in-session.ts',
  'sessions/find-owned-session.ts',
  'sessions/front-limits.ts',
  'sessions/resources.ts',
  'sessions/session-place.ts',
  'sessions/session-request.ts',
];

/** Compares with the golden file, or writes it when that is asked for. */
function matches(name: string, text: string): void {
  const file = new URL(name, GOLDEN);
  if (mayWrite) writeFileSync(file, text);
  assert.ok(existsSync(file), `there is no test/golden/${name}`);
  assert.fixture(text, readFileSync(file, 'utf8'));
}

const golden = suite('gateway: golden files');

golden('the GraphQL schema is the one that clients know', () => {
  matches('schema.graphql', `${printSchema(buildSchema(readSchemaText()))}\n`);
});

golden('the codes of failures and refusals are the ones that clients know', () => {
  const refusals = REFUSING.flatMap((name) => {
    const text = readFileSync(new URL(`../../../gateway/graphql/${name}`, import.meta.url), 'utf8');
    return [...text.matchAll(/code: '([a-z-]+)'/g)].map(([, code]) => code);
  });
  const statuses = Object.entries(failures).map(([code, { status, slug }]) => ({
    code,
    status,
    slug,
  }));
  const codes = {
    failures: statuses.toSorted((left, right) => (left.code < right.code ? -1 : 1)),
    refusals: [...new Set(refusals)].toSorted(),
  };
  matches('error-codes.json', `${JSON.stringify(codes, null, 2)}\n`);
});

golden.run();
