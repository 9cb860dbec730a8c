import { type CommandEnvelope, type LogMessage, type Outcome, withArchive } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  ArchiveStage,
  type Control,
  commits,
  messagesOf,
} from '../../../contract/archive/archive-stage.ts';
import { CHAINED } from '../../../contract/audit/written-log.ts';
import { enqueued, sessionIdOf } from '../../projections/log-book.ts';

const archiving = suite('archiver: what is over leaves the stream');

const isArchives = ({ subject }: LogMessage): boolean => subject.startsWith('evt.archive.');
const place = ({ sequence, subject, body }: LogMessage): string =>
  `${sequence} ${subject} ${Buffer.from(body).toString()}`;

async function stageWithLog(): Promise<ArchiveStage> {
  const stage = new ArchiveStage();
  await stage.fill();
  return stage;
}

/** The log reads as before, is whole, and of what is over nothing is in the stream. */
async function assertArchived(stage: ArchiveStage, about = ''): Promise<void> {
  const merged = await messagesOf(withArchive(stage.bus.log, stage.store));
  assert.equal(
    merged.filter((message) => !isArchives(message)).map(place),
    stage.original.map(place),
    about,
  );
  const { faults } = await stage.verify();
  assert.equal(faults, [], about);
  const live = await messagesOf(stage.bus.log);
  for (const name of CHAINED)
    assert.not(
      live.some(({ subject }) => subject === `evt.session.${sessionIdOf(name)}`),
      about,
    );
}

archiving('a session that is over leaves it, and the log reads as before', async () => {
  const stage = await stageWithLog();
  const control = await stage.start();
  await stage.archived();
  await assertArchived(stage);
  const subjects = (await messagesOf(stage.bus.log)).map(({ subject }) => subject);
  const schedulings = commits.filter(({ aggregate }) => aggregate === 'scheduler').length;
  assert.is(subjects.filter((subject) => subject === 'evt.scheduler.main').length, schedulings - 4);
  assert.ok(subjects.some((subject) => subject.startsWith('evt.node.')));
  await control.stop();
});

archiving('a second run finds nothing, and a day later there is another', async () => {
  const stage = await stageWithLog();
  const control = await stage.start();
  await stage.archived();
  const { index } = withArchive(stage.bus.log, stage.store);
  await stage.clock.advance(25 * 3_600_000);
  await stage.until(async () => {
    await index.refresh();
    return index.run?.run === 2 && index.run.finishedAtMs !== undefined;
  });
  assert.is(index.run?.commits, 0);
  assert.is(index.segments.length, 1);
  await control.stop();
});

archiving('what is live, or was so lately, is left alone', async () => {
  const stage = new ArchiveStage();
  const atlas = sessionIdOf('atlas');
  const last = commits.findLast(({ aggregateId }) => aggregateId === atlas);
  await stage.fill((commit) => {
    if (commit === last) return undefined;
    const isNew = commit.aggregateId === sessionIdOf('borea');
    return isNew ? { ...commit, recordedAtMs: stage.clock.nowMs() } : commit;
  });
  const control = await stage.start();
  await stage.archived();
  const live = (await messagesOf(stage.bus.log)).map(({ subject }) => subject);
  assert.ok(live.includes(`evt.session.${atlas}`));
  assert.ok(live.includes(`evt.session.${sessionIdOf('borea')}`));
  assert.not(live.includes(`evt.session.${sessionIdOf('ceres')}`));
  assert.equal((await stage.verify()).faults, []);
  await control.stop();
});

for (const when of ['before', 'after'] as const) {
  archiving(`a death ${when} any of its deeds loses nothing and doubles nothing`, async () => {
    for (let at = 1; ; at += 1) {
      const stage = await stageWithLog();
      await stage.start({ at, when });
      const { index } = withArchive(stage.bus.log, stage.store);
      await stage.until(async () => {
        await index.refresh();
        return stage.deeds >= at || index.run?.finishedAtMs !== undefined;
      });
      const hasDied = stage.deeds >= at;
      const next = await stage.start();
      await stage.archived();
      await assertArchived(stage, `died ${when} deed ${at}`);
      await next.stop();
      if (!hasDied) {
        assert.ok(at > 8, `${at} deeds`);
        return;
      }
    }
  });
}

async function ask(
  { bus }: Control,
  stage: ArchiveStage,
  command: Pick<CommandEnvelope, 'aggregateId'> & { readonly command: { readonly type: string } },
): Promise<Outcome> {
  const envelope = {
    id: `ask-${stage.clock.nowMs()}`,
    aggregate: 'session',
    actor: { kind: 'user', id: 'test' },
    sentAtMs: stage.clock.nowMs(),
    ...command,
  } as const;
  let outcome: Outcome | undefined;
  void bus.inbox.request(envelope, new AbortController().signal).then((answer) => {
    outcome = answer;
  });
  await stage.until(async () => outcome !== undefined);
  if (outcome === undefined) throw new Error('no outcome');
  return outcome;
}

archiving('a session that was archived is not begun a second time', async () => {
  const stage = await stageWithLog();
  const control = await stage.start();
  await stage.archived();
  const { session, request } = enqueued('borea');
  const create = { type: 'enqueue', request };
  const before = await stage.bus.log.lastSequence();
  const outcome = await ask(control, stage, { aggregateId: session, command: create });
  const live = await messagesOf(stage.bus.log);
  assert.not(live.some(({ subject }) => subject === `evt.session.${session}`));
  assert.is(await stage.bus.log.lastSequence(), before);
  const sequence = outcome.ok ? outcome.sequence : 0;
  assert.equal(outcome, { ok: true, revision: 15, sequence, hasChanged: false });
  const terminate = { type: 'terminate', mode: 'graceful', reason: 'user-requested' };
  const late = await ask(control, stage, { aggregateId: session, command: terminate });
  assert.is(await stage.bus.log.lastSequence(), before, JSON.stringify(late));
  await control.stop();
});

archiving('nobody but the archiver says what was archived', async () => {
  const stage = await stageWithLog();
  const control = await stage.start();
  await stage.archived();
  const { index } = withArchive(stage.bus.log, stage.store);
  await index.refresh();
  const envelope = { aggregateId: 'main', aggregate: 'archive' } as const;
  const command = { type: 'report-purged', number: 2 };
  const outcome = await ask(control, stage, { ...envelope, command });
  assert.is(outcome.ok, false);
  assert.is(!outcome.ok && outcome.error.code, 'archiver-only');
  await control.stop();
});

archiving('a segment that does not read as it was written is not anchored', async () => {
  const stage = await stageWithLog();
  const { put } = stage.store;
  stage.store.put = async (name, bytes) =>
    await put.call(stage.store, name, name.endsWith('.zst') ? bytes.subarray(0, -1) : bytes);
  const control = await stage.start();
  await stage.until(async () => stage.store.objects.size > 0);
  await stage.clock.advance(60_000);
  assert.equal(
    (await messagesOf(stage.bus.log)).filter((one) => !isArchives(one)).length,
    commits.length,
  );
  stage.store.put = put;
  await stage.archived();
  await assertArchived(stage);
  await control.stop();
});

archiving('a host that lost its snapshot folds what was archived', async () => {
  const stage = await stageWithLog();
  const control = await stage.start();
  await stage.archived();
  const revisions: number[] = [];
  for await (const { firstRevision } of control.bus.log.read('scheduler', 'main'))
    revisions.push(firstRevision);
  const original = commits.filter(({ aggregate }) => aggregate === 'scheduler');
  assert.equal(
    revisions,
    original.map(({ firstRevision }) => firstRevision),
  );
  await control.stop();
});

archiving.run();
