import {
  type AuditReport,
  type EventLog,
  type LogMessage,
  type RecordedCommit,
  readCommit,
  verifySegments,
  withArchive,
} from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ArchiveStage } from '../../../contract/archive/archive-stage.ts';
import { MemorySegments } from '../../../contract/archive/memory-segments.ts';
import {
  type Objects,
  type SegmentTampering,
  segmentTamperings,
} from '../../../contract/archive/tampering.ts';
import { hashOf } from '../../../contract/audit/written-log.ts';

const stage = new ArchiveStage();
await stage.fill();
const control = await stage.start();
await stage.archived();
await stage.fillMore(['dione', 'europa']);
await stage.archived(3);
await control.stop();
await stage.witness();
const { index } = withArchive(stage.bus.log, stage.store);
await index.refresh();
const { segments } = index;

const tampering = suite('audit: what was archived');

tampering('is whole when nobody touched it', async () => {
  assert.is(segments.length, 2);
  assert.equal((await stage.verify()).faults, []);
  const alone = await verifySegments(withArchive(stage.bus.log, stage.store));
  assert.equal(alone.faults, []);
  assert.is(
    alone.commits,
    segments.reduce((sum, { commits }) => sum + commits, 0),
  );
});

tampering('at least twenty kinds of tampering are tried', () => {
  assert.ok(segmentTamperings.length >= 20);
});

function assertFound({ faults }: AuditReport, found: SegmentTampering['found']): void {
  const segment = found.segment === undefined ? undefined : segments[found.segment - 1]?.name;
  const isNamed = faults.some(
    (fault) =>
      fault.kind === found.kind &&
      (segment === undefined || fault.segment === segment) &&
      (found.aggregate === undefined || fault.aggregate === found.aggregate) &&
      (found.aggregateId === undefined || fault.aggregateId === found.aggregateId) &&
      (found.revision === undefined || fault.revision === found.revision),
  );
  assert.ok(isNamed, JSON.stringify({ found, segment, faults }, undefined, 1));
}

for (const { name, tamper, found, needs } of segmentTamperings) {
  tampering(`is found and named: ${name}`, async () => {
    const objects: Objects = new Map(stage.store.objects);
    tamper(objects, segments);
    const store = new MemorySegments(objects);
    assertFound(await stage.verify(store), found);
    const alone = await verifySegments(withArchive(stage.bus.log, store));
    assert.not(alone.isWhole);
    if (needs === undefined) assertFound(alone, found);
  });
}

/** A log of which each message of the archive's own is changed, or is not there. */
function changedLog(
  log: EventLog,
  change: (message: LogMessage) => LogMessage | undefined,
): EventLog {
  const readMessages: EventLog['readMessages'] = async function* (options) {
    for await (const page of log.readMessages(options))
      yield page.flatMap((message) =>
        message.subject === 'evt.archive.main' ? (change(message) ?? []) : [message],
      );
  };
  return {
    ...log,
    readMessages,
    async *read(aggregate, aggregateId, afterSequence = 0): AsyncGenerator<RecordedCommit> {
      const place = { aggregate, aggregateId, afterSequence };
      for await (const page of readMessages(place)) yield* page.map(readCommit);
    },
  };
}

tampering(
  'is found and named: a segment and its anchor in the log are rewritten alike',
  async () => {
    const objects: Objects = new Map(stage.store.objects);
    const first = segments[0];
    if (first === undefined) throw new Error('there is no segment');
    const forged = Buffer.from(`${Buffer.from(objects.get(`${first.name}.manifest.json`) ?? [])} `);
    objects.set(`${first.name}.manifest.json`, forged);
    const log = changedLog(stage.bus.log, (message) => {
      const text = Buffer.from(message.body).toString();
      return { ...message, body: Buffer.from(text.replaceAll(first.manifestHash, hashOf(forged))) };
    });
    const report = await stage.verify(new MemorySegments(objects), log);
    assertFound(report, { kind: 'commit-altered', aggregate: 'archive', aggregateId: 'main' });
  },
);

tampering('is found and named: an anchor is taken out of the log', async () => {
  const log = changedLog(stage.bus.log, (message) =>
    Buffer.from(message.body).includes('segment-archived') ? undefined : message,
  );
  const report = await stage.verify(stage.store, log);
  assertFound(report, { kind: 'commit-missing', aggregate: 'archive', aggregateId: 'main' });
  assertFound(report, { kind: 'revision-gap', aggregate: 'archive', aggregateId: 'main' });
});

tampering('is found and named: what left the stream is put back into it, changed', async () => {
  const [message] = stage.original.filter(({ subject }) => subject.startsWith('evt.session.'));
  if (message === undefined) throw new Error('there is no session');
  const body = Buffer.from(Buffer.from(message.body).toString().replace('"test"', '"best"'));
  const { log } = stage.bus;
  const readMessages: EventLog['readMessages'] = async function* (options) {
    if (options.afterSequence < message.sequence) yield [{ ...message, body }];
    yield* log.readMessages(options);
  };
  const report = await stage.verify(stage.store, { ...log, readMessages });
  const { aggregate, aggregateId } = readCommit(message);
  assertFound(report, { kind: 'revision-repeated', aggregate, aggregateId, revision: 1 });
});

tampering('whoever replays is not given what is not as it was written', async () => {
  const objects: Objects = new Map(stage.store.objects);
  segmentTamperings[0]?.tamper(objects, segments);
  const log = withArchive(stage.bus.log, new MemorySegments(objects));
  const replay = async (): Promise<void> => {
    for await (const _page of log.readMessages({ afterSequence: 0 }));
  };
  const error = await replay().catch((one: unknown) => one);
  assert.match(String(error), new RegExp(`segment ${segments[0]?.name} cannot be used`));
});

tampering('without an archive in the settings it is said which segment is wanted', async () => {
  const report = await stage.verify(null);
  assertFound(report, { kind: 'segment-missing', segment: 1 });
});

tampering.run();
