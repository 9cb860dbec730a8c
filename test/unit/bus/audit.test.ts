import { type AuditReport, type Commit, verifyLog } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { tamperings } from '../../contract/audit/tampering.ts';
import {
  chainedCommits,
  laid,
  pagesOf,
  type Written,
  witnessOf,
  written,
} from '../../contract/audit/written-log.ts';

const commits = chainedCommits();
const log = commits.map(written);

function verify(
  messages: readonly Written[],
  seenByWitness: readonly Commit[] = commits,
): Promise<AuditReport> {
  return verifyLog({
    messages: pagesOf(laid(messages)),
    from: 'first-commit',
    witness: { commits: pagesOf(witnessOf(seenByWitness), 5), horizon: seenByWitness.length },
    range: { after: 0, upTo: messages.length },
  });
}

const verifying = suite('audit: verifying a log');

verifying('a log as it was written is whole', async () => {
  const report = await verify(log);
  assert.equal(report, {
    isWhole: true,
    commits: commits.length,
    aggregates: 15,
    lastSequence: commits.length,
    witnessedSequence: commits.length,
    faults: [],
    hasMoreFaults: false,
  });
});

verifying('what is newer than its witness is held against the chains alone', async () => {
  const report = await verify(log, commits.slice(0, -10));
  assert.ok(report.isWhole);
  assert.is(report.witnessedSequence, commits.length - 10);
});

for (const { name, tamper, found } of tamperings) {
  verifying(`is found and named: ${name}`, async () => {
    const { faults } = await verify(tamper([...log]));
    const isNamed = faults.some(
      ({ kind, aggregate, aggregateId, revision }) =>
        kind === found.kind &&
        aggregate === found.aggregate &&
        aggregateId === found.aggregateId &&
        (found.revision === undefined || revision === found.revision),
    );
    assert.ok(isNamed, JSON.stringify({ found, faults }, undefined, 1));
    const others = faults
      .filter(({ aggregateId }) => aggregateId !== found.aggregateId)
      // Where the end was cut off, others are missing too.
      .filter(({ kind }) => kind !== 'commit-missing');
    assert.ok(others.length <= 2, `others are suspected: ${JSON.stringify(others)}`);
  });
}

verifying('at least twenty kinds of tampering are tried', () => {
  assert.ok(tamperings.length >= 20);
});

verifying('a message that is not there behind the witness is told by its sequence', async () => {
  const messages = laid(log).toSpliced(-3, 1);
  const { faults } = await verifyLog({
    messages: pagesOf(messages),
    from: 'anywhere',
    range: { after: 0, upTo: log.length + 2 },
  });
  const missing = faults.filter(({ kind }) => kind === 'sequence-missing');
  assert.equal(
    missing.map(({ sequence, message }) => [sequence, message]),
    [
      [log.length - 2, `There is no message ${log.length - 2}.`],
      [log.length + 1, `There are no messages ${log.length + 1} to ${log.length + 2}.`],
    ],
  );
});

verifying('a part of a log may begin in the middle of a chain', async () => {
  const from = 20;
  const report = await verifyLog({
    messages: pagesOf(laid(log).slice(from)),
    from: 'anywhere',
    witness: { commits: pagesOf(witnessOf(commits).slice(from)), horizon: log.length },
  });
  assert.equal(report.faults, []);
  assert.is(report.commits, log.length - from);
});

verifying('a wholly different log does not fill the memory with what is different', async () => {
  const strangers: Commit[] = Array.from({ length: 12_000 }, (_, index) => ({
    ...(commits[0] as Commit),
    id: `stranger-${index}`,
    aggregateId: `stranger-${index}`,
    firstRevision: 1,
    previousHash: '',
  }));
  const report = await verifyLog({
    messages: pagesOf(laid(strangers.map(written)), 500),
    from: 'first-commit',
    witness: { commits: pagesOf(witnessOf(commits)), horizon: 100_000 },
  });
  assert.not(report.isWhole);
  assert.ok(report.hasMoreFaults);
  assert.is(report.faults.length, 1_000);
});

verifying.run();
