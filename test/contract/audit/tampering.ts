import type { Commit, FaultKind } from '@orrery/bus';
import { sessionIdOf } from '../../unit/projections/log-book.ts';
import { bodyOf, commitOf, hashOf, indexOf, type Written, written } from './written-log.ts';

/** One way to tamper with a log, and what has to be found. */
export interface Tampering {
  readonly name: string;
  readonly tamper: (log: Written[]) => Written[];
  readonly found: {
    readonly kind: FaultKind;
    readonly aggregate: string;
    readonly aggregateId: string;
    /** First revision of the commit at fault. */
    readonly revision?: number;
  };
}

const BOREA = sessionIdOf('borea');
const ATLAS = sessionIdOf('atlas');
const at = (log: readonly Written[], nth: number): number => indexOf(log, 'session', BOREA, nth);
const borea = (kind: FaultKind, revision?: number): Tampering['found'] => ({
  kind,
  aggregate: 'session',
  aggregateId: BOREA,
  ...(revision === undefined ? {} : { revision }),
});

function messageAt(log: readonly Written[], index: number): Written {
  const message = log[index];
  if (message === undefined) throw new Error(`there is no message ${index}`);
  return message;
}

/** The nth commit of the session borea with other contents; the message id stays. */
function rewrite(log: Written[], nth: number, change: (commit: Commit) => object): Written[] {
  const index = at(log, nth);
  const message = messageAt(log, index);
  const changed = { ...commitOf(message), ...change(commitOf(message)) };
  return log.with(index, { ...message, body: Buffer.from(JSON.stringify(changed)) });
}

function swap(log: Written[], left: number, right: number): Written[] {
  return log.with(left, messageAt(log, right)).with(right, messageAt(log, left));
}

function forged(commit: Commit): Commit {
  return { ...commit, id: `forged-${commit.id}`, events: [{ type: 'session-preparing' }] };
}

/** Rewrites one commit and every later one of its chain, so that the chain is whole again. */
function rewriteChain(log: Written[], nth: number): Written[] {
  let tampered = rewrite(log, nth, () => ({ actor: { kind: 'user', id: 'somebody-else' } }));
  const count = log.filter(({ subject }) => subject === `evt.session.${BOREA}`).length;
  for (let later = nth + 1; later < count; later += 1) {
    const previous = messageAt(tampered, at(tampered, later - 1));
    tampered = rewrite(tampered, later, () => ({ previousHash: hashOf(previous.body) }));
  }
  return tampered;
}

/** A commit of nobody right behind the nth one of borea. */
function insertForged(log: Written[], nth: number, link: 'right-hash' | 'wrong-hash'): Written[] {
  const index = at(log, nth);
  const before = messageAt(log, index);
  const commit = commitOf(before);
  const previousHash = link === 'right-hash' ? hashOf(before.body) : 'f'.repeat(64);
  const firstRevision = commit.firstRevision + commit.events.length;
  return log.toSpliced(index + 1, 0, written({ ...forged(commit), firstRevision, previousHash }));
}

/** Commits of a session's life: revisions 1, 2-5, 6-9, 10-11, 12-13, 14-15. */
export const tamperings: readonly Tampering[] = [
  {
    name: 'a field of an event is rewritten',
    tamper: (log) =>
      rewrite(log, 1, ({ events }) => ({
        events: JSON.parse(JSON.stringify(events).replaceAll('node-a', 'node-b')),
      })),
    found: borea('commit-altered', 2),
  },
  {
    name: 'another actor did it',
    tamper: (log) => rewrite(log, 2, () => ({ actor: { kind: 'user', id: 'innocent' } })),
    found: borea('previous-hash-mismatch', 10),
  },
  {
    name: 'another command did it',
    tamper: (log) => rewrite(log, 2, () => ({ commandId: 'another' })),
    found: borea('previous-hash-mismatch', 10),
  },
  {
    name: 'it was at another time',
    tamper: (log) =>
      rewrite(log, 2, ({ recordedAtMs }) => ({ recordedAtMs: recordedAtMs - 3_600_000 })),
    found: borea('time-backwards', 6),
  },
  {
    name: 'the newest commit of an aggregate is rewritten, which no other follows',
    tamper: (log) => rewrite(log, -1, () => ({ actor: { kind: 'user', id: 'innocent' } })),
    found: borea('commit-altered', 14),
  },
  {
    name: 'a commit is rewritten and the chain behind it is made whole again',
    tamper: (log) => rewriteChain(log, 2),
    found: borea('commit-altered', 6),
  },
  {
    name: 'the first commit is taken out',
    tamper: (log) => log.toSpliced(at(log, 0), 1),
    found: borea('revision-gap', 2),
  },
  {
    name: 'a commit in the middle is taken out',
    tamper: (log) => log.toSpliced(at(log, 2), 1),
    found: borea('revision-gap', 10),
  },
  {
    name: 'the last commit is taken out',
    tamper: (log) => log.toSpliced(at(log, -1), 1),
    found: borea('commit-missing', 14),
  },
  {
    name: 'all commits of an aggregate behind one are taken out',
    tamper: (log) => {
      const from = at(log, 3);
      return log.filter(({ subject }, index) => index < from || subject !== `evt.session.${BOREA}`);
    },
    found: borea('commit-missing', 10),
  },
  {
    name: 'a whole aggregate is taken out',
    tamper: (log) => log.filter(({ subject }) => subject !== `evt.session.${BOREA}`),
    found: borea('commit-missing', 1),
  },
  {
    name: 'the end of the log is cut off',
    tamper: (log) => log.slice(0, at(log, -1)),
    found: borea('commit-missing', 14),
  },
  {
    name: 'two commits of one aggregate are swapped',
    tamper: (log) => swap(log, at(log, 1), at(log, 2)),
    found: borea('revision-repeated', 2),
  },
  {
    name: 'two commits of different aggregates are swapped',
    tamper: (log) => swap(log, indexOf(log, 'session', ATLAS, 3), at(log, 3)),
    found: { kind: 'commit-moved', aggregate: 'session', aggregateId: ATLAS, revision: 10 },
  },
  {
    name: 'a commit is there twice',
    tamper: (log) => {
      const index = at(log, 2);
      return log.toSpliced(index + 1, 0, { ...messageAt(log, index), messageId: undefined });
    },
    found: borea('revision-repeated', 6),
  },
  {
    name: 'all commits of an aggregate stand in the reverse order',
    tamper: (log) => {
      const own = log.flatMap(({ subject }, index) =>
        subject === `evt.session.${BOREA}` ? [index] : [],
      );
      const reversed = own.map((index) => messageAt(log, index)).reverse();
      return own.reduce(
        (tampered, index, nth) => tampered.with(index, reversed[nth] ?? messageAt(log, index)),
        log,
      );
    },
    found: borea('revision-repeated', 2),
  },
  {
    name: 'a forged commit with a wrong hash is put in',
    tamper: (log) => insertForged(log, 2, 'wrong-hash'),
    found: borea('previous-hash-mismatch', 10),
  },
  {
    name: 'a forged commit with the right hash is put in',
    tamper: (log) => insertForged(log, 2, 'right-hash'),
    found: borea('commit-unknown', 10),
  },
  {
    name: 'a forged commit with the right hash is put behind the last one of its aggregate',
    tamper: (log) => insertForged(log, -1, 'right-hash'),
    found: borea('commit-unknown', 16),
  },
  {
    name: 'a commit is put on the subject of another aggregate',
    tamper: (log) => {
      const index = at(log, 2);
      return log.with(index, { ...messageAt(log, index), subject: `evt.session.${ATLAS}` });
    },
    found: borea('subject-mismatch', 6),
  },
  {
    name: 'a commit is said to be of another aggregate',
    tamper: (log) => rewrite(log, 2, () => ({ aggregateId: ATLAS })),
    found: { kind: 'subject-mismatch', aggregate: 'session', aggregateId: ATLAS, revision: 6 },
  },
  {
    name: 'a commit has the message id of another',
    tamper: (log) => {
      const index = at(log, 2);
      return log.with(index, { ...messageAt(log, index), messageId: 'another' });
    },
    found: borea('message-id-mismatch', 6),
  },
  {
    name: 'a body is cut',
    tamper: (log) => {
      const index = at(log, 2);
      const message = messageAt(log, index);
      return log.with(index, { ...message, body: message.body.subarray(0, -20) });
    },
    found: borea('message-malformed'),
  },
  {
    name: 'a body is empty',
    tamper: (log) => {
      const index = at(log, 2);
      return log.with(index, { ...messageAt(log, index), body: Buffer.alloc(0) });
    },
    found: borea('message-malformed'),
  },
  {
    name: 'a commit has a wrong revision',
    tamper: (log) => rewrite(log, 2, ({ firstRevision }) => ({ firstRevision: firstRevision + 5 })),
    found: borea('revision-gap', 11),
  },
  {
    name: 'the first commit names a predecessor',
    tamper: (log) => rewrite(log, 0, () => ({ previousHash: 'f'.repeat(64) })),
    found: borea('previous-hash-mismatch', 1),
  },
  {
    name: 'an aggregate of nobody is put in',
    tamper: (log) => {
      const commit = commitOf(messageAt(log, at(log, 0)));
      const stranger = { ...commit, id: 'forged', aggregateId: sessionIdOf('forged') };
      return log.toSpliced(at(log, 1), 0, written(stranger));
    },
    found: {
      kind: 'commit-unknown',
      aggregate: 'session',
      aggregateId: sessionIdOf('forged'),
      revision: 1,
    },
  },
  {
    name: 'a body is written in another way, with the same contents',
    tamper: (log) => {
      const index = at(log, -1);
      const message = messageAt(log, index);
      return log.with(index, {
        ...message,
        body: Buffer.concat([bodyOf(commitOf(message)), Buffer.from(' ')]),
      });
    },
    found: borea('commit-altered', 14),
  },
];
