import { connect } from '@nats-io/transport-node';
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

past('a replay gives the whole log, and can be piped', async () => {
  const last = (await system.client.status()).logSequence;
  const all = await runOrrery(
    system.dataDirectory,
    'replay',
    '--to',
    String(last),
    '--speed',
    'max',
  );
  const sequences = all.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).sequence);
  assert.equal(
    sequences,
    Array.from({ length: last }, (_, index) => index + 1),
  );
  const some = await runOrrery(system.dataDirectory, 'replay', '--from', '3', '--to', '4');
  assert.is(some.stdout.trim().split('\n').length, 2);
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

past('the cluster as it was has what each session held while it held it', async () => {
  const { session } = await system.client.createSession({ cpu: '0.1', memory: '64m' });
  const running = async (): Promise<string> => {
    for await (const event of system.client.sessionEvents({ id: session.id }))
      if (event.status === 'RUNNING') return event.recordedAt;
    throw new Error('it did not run');
  };
  const then = await running();
  await system.client.terminateSession({ id: session.id, mode: 'FORCE' });
  for await (const event of system.client.sessionEvents({ id: session.id }))
    if (event.status === 'TERMINATED') break;
  const moment = await system.client.clusterAt(then);
  assert.is(moment.sessionsByStatus['RUNNING'], 1);
  const held = moment.allocations.find(({ sessionId }) => sessionId === session.id);
  assert.is(held?.slots['cpu'], '0.1');
  const { stdout } = await runOrrery(system.dataDirectory, 'audit', 'cluster', then, '--json');
  assert.equal(JSON.parse(stdout), moment);
});

past('verifying finds the log as it was written, until something is taken out', async () => {
  const whole = await runOrrery(system.dataDirectory, 'audit', 'verify');
  assert.is(whole.code, 0, whole.stdout);
  assert.match(whole.stdout, /^Whole: \d+ commits of \d+ aggregates/);
  const page = await system.client.auditLog({ first: 100 });
  const chosen = page.edges.map(({ node }) => node).find(({ entity }) => entity === 'session');
  assert.ok(chosen);
  const { servers, user, password } = system.settings.bus;
  const server = await connect({ servers: [...servers], user: user ?? '', pass: password ?? '' });
  const place = JSON.stringify({ seq: chosen?.sequence });
  await server.request('$JS.API.STREAM.MSG.DELETE.EVENTS', place);
  await server.close();
  const broken = await runOrrery(system.dataDirectory, 'audit', 'verify', '--json');
  assert.is(broken.code, 1);
  const { faults } = JSON.parse(broken.stdout);
  const missing = faults.filter(({ kind }: { readonly kind: string }) => kind === 'commit-missing');
  assert.equal(
    missing.map(({ entityId, revision, sequence }: Record<string, unknown>) => ({
      entityId,
      revision,
      sequence,
    })),
    [{ entityId: chosen?.entityId, revision: chosen?.firstRevision, sequence: chosen?.sequence }],
  );
});

past('nobody is shown a password hash or a sealed secret', async () => {
  const { edges } = await system.client.auditLog({ first: 100 });
  const kinds = edges.flatMap(({ node }) => node.events as readonly { readonly type: string }[]);
  assert.ok(kinds.some(({ type }) => type === 'user-registered'));
  assert.ok(kinds.some(({ type }) => type === 'keypair-created'));
  const { stdout } = await runOrrery(system.dataDirectory, 'replay', '--speed', 'max');
  for (const text of [JSON.stringify(edges), stdout]) {
    assert.not.match(text, /\$argon2|"sealedSecret":"(?!\(hidden\))/);
    assert.match(text, /\(hidden\)/);
  }
});

past.after(async () => {
  await system[Symbol.asyncDispose]();
});
past.run();
