import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runOrrery } from '../../environment/command-line.ts';
import { startSystem } from '../../environment/system.ts';

const system = await startSystem(['--driver', 'simulated']);

const past = suite('audit at: a session as it was');

past('gives the status that each moment of its life had', async () => {
  const { session } = await system.client.createSession({
    type: 'BATCH',
    command: ['true'],
    cpu: '0.1',
    memory: '64m',
  });
  const changes: { readonly atMs: number; readonly status: string }[] = [];
  for await (const event of system.client.sessionEvents({ id: session.id })) {
    if (event.status !== null)
      changes.push({ atMs: Date.parse(event.recordedAt), status: event.status });
  }
  const [first] = changes;
  assert.ok(first);
  const before = new Date((first?.atMs ?? 0) - 1).toISOString();
  assert.is(await system.client.sessionAt(session.id, before), undefined);
  for (const { atMs } of changes) {
    const lastThen = changes.filter((change) => change.atMs <= atMs).at(-1);
    const then = await system.client.sessionAt(session.id, new Date(atMs).toISOString());
    assert.is(then?.status, lastThen?.status);
  }
  const now = await system.client.findSession(session.id);
  const last = new Date((changes.at(-1)?.atMs ?? 0) + 60_000).toISOString();
  assert.equal(await system.client.sessionAt(session.id, last), now);
  const { stdout } = await runOrrery(
    system.dataDirectory,
    'audit',
    'at',
    session.id,
    last,
    '--json',
  );
  assert.is(JSON.parse(stdout).status, 'TERMINATED');
});

past('the audit log tells who did what, in an unbroken chain', async () => {
  const { session } = await system.client.createSession({
    type: 'BATCH',
    command: ['true'],
    cpu: '0.1',
    memory: '64m',
  });
  for await (const event of system.client.sessionEvents({ id: session.id }))
    if (event.status === 'TERMINATED') break;
  const page = await system.client.auditLog({ entity: `session:${session.id}`, first: 100 });
  const entries = page.edges
    .map(({ node }) => node)
    .sort((left, right) => left.firstRevision - right.firstRevision);
  assert.is(entries[0]?.commandType, 'enqueue');
  assert.is(entries[0]?.previousHash, '');
  entries.slice(1).forEach((entry, index) => {
    assert.is(entry.previousHash, entries[index]?.hash);
  });
  assert.match(entries[0]?.actor ?? '', /^user:/);
});

past.after(async () => {
  await system[Symbol.asyncDispose]();
});
past.run();
