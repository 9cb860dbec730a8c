import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { PassThrough } from 'node:stream';
import { AggregateName, contracts, type Membership, type UserRole } from '@orrery/bus';
import { isVisible } from '@orrery/projections';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { visibilityOf } from '../../../gateway/auth/authorise.ts';
import { cliCommands } from '../../../gateway/auth/cli-table.ts';
import { busCommands, isSentByPeople } from '../../../gateway/auth/command-table.ts';
import {
  type Caller,
  may,
  mayPlaceIn,
  type Operation,
  operations,
  type SignedInCaller,
  seatOf,
} from '../../../gateway/auth/may.ts';
import { type Rule, SEATS } from '../../../gateway/auth/rules.ts';
import type { CliIo } from '../../../gateway/cli/io.ts';
import { declareProgram } from '../../../gateway/cli/program.ts';

type Program = ReturnType<typeof declareProgram>;

const names = Object.keys(operations) as Operation[];

const tables = suite('may: every way in has an entry');

tables('every command of the bus, and says whether people send it', () => {
  const all = AggregateName.options.flatMap((aggregate) =>
    contracts[aggregate].command.options.map(({ shape }) => `${aggregate}.${shape.type.value}`),
  );
  assert.equal(Object.keys(busCommands).toSorted(), all.toSorted());
  for (const senders of Object.values(busCommands))
    if (senders !== 'system')
      for (const operation of senders) assert.ok(names.includes(operation), operation);
  assert.is(isSentByPeople('session', 'place'), false);
  assert.is(isSentByPeople('session', 'enqueue'), true);
});

tables('every command of the command line', () => {
  const stream = new PassThrough();
  const io = { stdout: stream, stderr: stream } as unknown as CliIo;
  const leaves = (command: Program, path: readonly string[]): readonly string[] =>
    command.commands.length === 0
      ? [path.join(' ')]
      : command.commands.flatMap((child) => leaves(child, [...path, child.name()]));
  const all = leaves(
    declareProgram(io, async () => {}),
    [],
  );
  assert.equal(Object.keys(cliCommands).toSorted(), all.toSorted());
  for (const used of Object.values(cliCommands))
    for (const operation of used) assert.ok(names.includes(operation), operation);
});

tables('the table is written down for people as it is in the code', () => {
  const file = new URL('../../../gateway/auth/operations.md', import.meta.url);
  const rows = names.toSorted().map((name) => {
    const rule: Rule = operations[name];
    return [`\`${name}\``, ...SEATS.map((seat) => rule[seat])];
  });
  const text = `# Who may do what

Written from the code. \`any\`: everybody's; \`domain\`, \`project\`: what is in the own domain, or in projects that one
administers; \`own\`: one's own; \`none\`: forbidden. What lies beyond the reach is not found, not forbidden.

${tableText([['operation', ...SEATS], ...rows])}
`;
  if (process.env['ORRERY_WRITE_GOLDEN'] === '1') writeFileSync(file, text);
  assert.ok(existsSync(file), 'written with ORRERY_WRITE_GOLDEN=1');
  assert.fixture(text, readFileSync(file, 'utf8'));
});

tables.run();

/** Markdown whose columns stand under each other. */
function tableText(rows: readonly (readonly string[])[]): string {
  const [head = [], ...others] = rows;
  const widths = head.map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join(' | ')} |`;
  const rule = widths.map((width) => '-'.repeat(width));
  return [head, rule, ...others].map(line).join('\n');
}

const PROJECTS = ['p1', 'p2'];
const DOMAINS = ['d1', 'd2'];
const USERS = ['u1', 'u2'];

function callerOf(role: UserRole, projects: readonly Membership[], userId = 'u1'): SignedInCaller {
  return {
    kind: 'user',
    userId,
    email: 'me@example.test',
    role,
    domain: 'd1',
    projectId: projects[0]?.projectId ?? '',
    projects,
    accessKey: undefined,
  };
}

const memberships = fc.uniqueArray(
  fc.record({ projectId: fc.constantFrom(...PROJECTS), role: fc.constantFrom('member', 'admin') }),
  { selector: ({ projectId }) => projectId },
) as fc.Arbitrary<Membership[]>;
const callers = fc
  .tuple(fc.constantFrom<UserRole>('superadmin', 'admin', 'user', 'monitor'), memberships)
  .map(([role, projects]) => callerOf(role, projects));
const targets = fc.record({
  ownerUserId: fc.constantFrom(...USERS),
  domain: fc.constantFrom(...DOMAINS),
  projectId: fc.constantFrom(...PROJECTS),
});

const scopes = suite('may: scopes');

scopes('what may be done to a thing is what can be seen under the same operation', () => {
  const same = fc.property(callers, fc.constantFrom(...names), targets, (caller, name, target) => {
    if (!may(caller, name)) return true;
    return may(caller, name, target) === isVisible(visibilityOf(caller, name), target);
  });
  fc.assert(same, { numRuns: 2_000 });
});

scopes('one who administers projects reaches them, in the own domain only', () => {
  const caller = callerOf('user', [{ projectId: 'p1', role: 'admin' }]);
  assert.is(seatOf(caller), 'project-admin');
  const inProject = { ownerUserId: 'u2', domain: 'd1', projectId: 'p1' };
  assert.ok(may(caller, 'Mutation.terminateSession', inProject));
  assert.not.ok(may(caller, 'Mutation.terminateSession', { ...inProject, projectId: 'p2' }));
  assert.not.ok(may(caller, 'Mutation.terminateSession', { ...inProject, domain: 'd2' }));
});

scopes('one who administers a domain reaches nothing in another', () => {
  const caller = callerOf('admin', []);
  const there = { ownerUserId: 'u2', domain: 'd2', projectId: 'p1' };
  const reached = names.filter(
    (name) => operations[name]['domain-admin'] !== 'any' && may(caller, name, there),
  );
  assert.equal(reached, []);
});

scopes('sessions are placed where one belongs', () => {
  const member = callerOf('user', [{ projectId: 'p1', role: 'member' }]);
  assert.ok(mayPlaceIn(member, { domain: 'd1', projectId: 'p1' }));
  assert.not.ok(mayPlaceIn(member, { domain: 'd1', projectId: 'p2' }));
  assert.not.ok(mayPlaceIn(member, { domain: 'd2', projectId: 'p1' }));
  assert.ok(mayPlaceIn(callerOf('admin', []), { domain: 'd1', projectId: 'p2' }));
  assert.not.ok(mayPlaceIn(callerOf('admin', []), { domain: 'd2', projectId: 'p2' }));
  assert.ok(mayPlaceIn(callerOf('superadmin', []), { domain: 'd2', projectId: 'p2' }));
});

scopes('nobody unknown reaches what belongs to somebody', () => {
  const nobody: Caller = { kind: 'anonymous' };
  const owned = names.filter((name) => operations[name].user === 'own');
  assert.ok(owned.length > 0);
  for (const name of owned) assert.not.ok(may(nobody, name), name);
});

scopes.run();
