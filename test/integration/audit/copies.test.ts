import { connect, headers, type NatsConnection } from '@nats-io/transport-node';
import { type AuditReport, type Bus, connectBus, verifyLog } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { tamperings } from '../../contract/audit/tampering.ts';
import { chainedCommits, type Written, written } from '../../contract/audit/written-log.ts';
import { startNats, type TestNats } from '../../environment/nats.ts';
import { startPostgres, type TestPostgres } from '../../environment/postgres.ts';
import { Stage } from '../projections/stage.ts';

const PURGE = '$JS.API.STREAM.PURGE.EVENTS';
const DELETE = '$JS.API.STREAM.MSG.DELETE.EVENTS';

interface Context {
  postgres: TestPostgres;
  nats: TestNats;
  /** What the projectors saw of the log as it was written. */
  stage: Stage;
  /** A server that holds a copy of the log. */
  bus: Bus;
  connection: NatsConnection;
}

const commits = chainedCommits();
const log = commits.map(written);

const copies = suite<Context>('audit: a copy of the store, held against the projections');

copies.before(async (context) => {
  context.postgres = await startPostgres();
  context.nats = await startNats();
  const { servers, user, password } = context.nats;
  context.bus = await connectBus(
    { servers: [...servers], user, password, replicas: 1, partitions: 2 },
    { name: 'test' },
  );
  context.connection = await connect({ servers: [...servers], user, pass: password });
  context.stage = new Stage(context.postgres.url);
  await context.stage.take(commits.map((commit) => ({ ...commit, sequence: 0, hash: '' })));
});
copies.after(async ({ stage, bus, connection, nats, postgres }) => {
  await connection.close();
  await bus[Symbol.asyncDispose]();
  await stage[Symbol.asyncDispose]();
  await nats.stop();
  await postgres.stop();
});

/** Puts a copy into a stream that begins with sequence 1 again. */
async function copy({ connection }: Context, messages: readonly Written[]): Promise<void> {
  const stream = { name: 'EVENTS', subjects: ['evt.>'], allow_direct: true, allow_atomic: true };
  await connection.request('$JS.API.STREAM.DELETE.EVENTS');
  const made = await connection.request('$JS.API.STREAM.CREATE.EVENTS', JSON.stringify(stream));
  assert.not.match(made.string(), /"error"/);
  for (const { subject, body, messageId } of messages) {
    const place = headers();
    if (messageId !== undefined) place.set('Nats-Msg-Id', messageId);
    const stored = await connection.request(subject, body, { headers: place, timeout: 5_000 });
    assert.not.match(stored.string(), /"error"/);
  }
}

async function verify({ bus, stage }: Context): Promise<AuditReport> {
  const horizon = await stage.projections.checkpoint();
  const upToSequence = await bus.log.lastSequence();
  return await verifyLog({
    messages: bus.log.readMessages({ afterSequence: 0, upToSequence, messagesMax: 10 }),
    from: 'first-commit',
    witness: {
      commits: stage.projections.witnesses({ afterSequence: 0, upToSequence: horizon }),
      horizon,
    },
    range: { after: 0, upTo: upToSequence },
  });
}

copies('a faithful copy is whole', async (context) => {
  await copy(context, log);
  assert.equal((await verify(context)).faults, []);
});

for (const { name, tamper, found } of tamperings) {
  copies(`is found and named: ${name}`, async (context) => {
    await copy(context, tamper([...log]));
    const { faults } = await verify(context);
    const isNamed = faults.some(
      ({ kind, aggregate, aggregateId, revision }) =>
        kind === found.kind &&
        aggregate === found.aggregate &&
        aggregateId === found.aggregateId &&
        (found.revision === undefined || revision === found.revision),
    );
    assert.ok(isNamed, JSON.stringify({ found, faults }, undefined, 1));
  });
}

copies('what is deleted or purged in the running server is named', async (context) => {
  await copy(context, log);
  await context.connection.request(DELETE, JSON.stringify({ seq: 20 }));
  const deleted = await verify(context);
  assert.equal(
    deleted.faults.filter(({ kind }) => kind === 'commit-missing').map(({ sequence }) => sequence),
    [20],
  );
  await context.connection.request(PURGE, JSON.stringify({ filter: 'evt.scheduler.main' }));
  const purged = await verify(context);
  const scheduler = purged.faults.filter(({ aggregate }) => aggregate === 'scheduler');
  assert.is(scheduler.length, commits.filter(({ aggregate }) => aggregate === 'scheduler').length);
});

copies.run();
