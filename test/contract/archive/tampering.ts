import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import type { AnchoredSegment, Commit, FaultKind } from '@orrery/bus';
import { sessionIdOf } from '../../unit/projections/log-book.ts';
import { hashOf } from '../audit/written-log.ts';

/** The objects of a store, which a tamperer may change. */
export type Objects = Map<string, Uint8Array>;

/** One way to tamper with archived segments, and what has to be found. */
export interface SegmentTampering {
  readonly name: string;
  readonly tamper: (objects: Objects, segments: readonly AnchoredSegment[]) => void;
  readonly found: {
    readonly kind: FaultKind;
    /** Number of the segment that is named. */
    readonly segment?: number;
    readonly aggregate?: string;
    readonly aggregateId?: string;
    readonly revision?: number;
  };
  /** Only what lies in another store knows better: without it nothing is found. */
  readonly needs?: 'witness';
}

const BOREA = sessionIdOf('borea');
const ATLAS = sessionIdOf('atlas');

interface Line {
  readonly sequence: number;
  readonly subject: string;
  readonly messageId?: string;
  readonly commit: Commit;
}
type Segments = readonly AnchoredSegment[];

const contentOf = (segments: Segments, number: number): string =>
  `${segments[number - 1]?.name}.ndjson.zst`;
const manifestOf = (segments: Segments, number: number): string =>
  `${segments[number - 1]?.name}.manifest.json`;

function bytesOf(objects: Objects, name: string): Uint8Array {
  const bytes = objects.get(name);
  if (bytes === undefined) throw new Error(`there is no ${name}`);
  return bytes;
}

function linesOf(objects: Objects, name: string): Line[] {
  const text = zstdDecompressSync(bytesOf(objects, name)).toString();
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

/** Writes the lines of the first segment anew; JSON keeps the order of keys, so what is left alone stays. */
function rewriteLines(change: (lines: Line[]) => readonly Line[]): SegmentTampering['tamper'] {
  return (objects, segments) => {
    const name = contentOf(segments, 1);
    const lines = change(linesOf(objects, name));
    objects.set(name, pack(lines));
  };
}

function pack(lines: readonly Line[]): Uint8Array {
  return zstdCompressSync(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
}

const ownIndexes = (lines: readonly Line[], id: string): number[] =>
  lines.flatMap(({ subject }, index) => (subject === `evt.session.${id}` ? [index] : []));

function indexOf(lines: readonly Line[], nth: number, id = BOREA): number {
  const index = ownIndexes(lines, id).at(nth);
  if (index === undefined) throw new Error(`there is no commit ${nth} of ${id}`);
  return index;
}

function lineAt(lines: readonly Line[], index: number): Line {
  const line = lines[index];
  if (line === undefined) throw new Error(`there is no line ${index}`);
  return line;
}

/** The nth commit of borea with other contents. */
function rewriteCommit(nth: number, change: (commit: Commit) => object) {
  return rewriteLines((lines) => {
    const index = indexOf(lines, nth);
    const line = lineAt(lines, index);
    return lines.with(index, { ...line, commit: { ...line.commit, ...change(line.commit) } });
  });
}

/** Rewrites a commit and all later ones of its chain, so that the chain is whole again. */
function rewriteChain(lines: Line[]): Line[] {
  const own = ownIndexes(lines, BOREA);
  let changed = lines;
  let previousHash = '';
  for (const [nth, index] of own.entries()) {
    const line = lineAt(changed, index);
    const actor = nth === 2 ? { kind: 'user' as const, id: 'innocent' } : line.commit.actor;
    const commit = { ...line.commit, actor, previousHash };
    previousHash = hashOf(Buffer.from(JSON.stringify(commit)));
    changed = changed.with(index, { ...line, commit });
  }
  return changed;
}

/** Makes the manifest of the first segment say what the segment now is. */
function describeAnew(objects: Objects, segments: Segments): void {
  const name = manifestOf(segments, 1);
  const manifest = JSON.parse(Buffer.from(bytesOf(objects, name)).toString());
  const lines = linesOf(objects, contentOf(segments, 1));
  const content = bytesOf(objects, contentOf(segments, 1));
  const aggregates = manifest.aggregates.map((head: { aggregate: string; id: string }) => {
    const last = lines.findLast(({ subject }) => subject === `evt.${head.aggregate}.${head.id}`);
    return { ...head, lastHash: hashOf(Buffer.from(JSON.stringify(last?.commit))) };
  });
  const described = { ...manifest, aggregates, contentHash: hashOf(content) };
  objects.set(name, Buffer.from(`${JSON.stringify(described)}\n`));
}

function swapObjects(objects: Objects, left: string, right: string): void {
  const one = bytesOf(objects, left);
  objects.set(left, bytesOf(objects, right));
  objects.set(right, one);
}

const borea = (kind: FaultKind, revision?: number): SegmentTampering['found'] => ({
  kind,
  segment: 1,
  aggregate: 'session',
  aggregateId: BOREA,
  ...(revision === undefined ? {} : { revision }),
});

/** Commits of a session's life: revisions 1, 2-5, 6-9, 10-11, 12-13, 14-15. */
const contents: readonly SegmentTampering[] = [
  {
    name: 'a field of an event is rewritten',
    tamper: rewriteCommit(1, ({ events }) => ({
      events: JSON.parse(JSON.stringify(events).replaceAll('node-a', 'node-b')),
    })),
    found: borea('previous-hash-mismatch', 6),
  },
  {
    name: 'another actor did it',
    tamper: rewriteCommit(2, () => ({ actor: { kind: 'user', id: 'innocent' } })),
    found: borea('previous-hash-mismatch', 10),
  },
  {
    name: 'another command did it',
    tamper: rewriteCommit(2, () => ({ commandId: 'another', commandType: 'another' })),
    found: borea('previous-hash-mismatch', 10),
  },
  {
    name: 'it was at another time',
    tamper: rewriteCommit(2, ({ recordedAtMs }) => ({ recordedAtMs: recordedAtMs - 3_600_000 })),
    found: borea('time-backwards', 6),
  },
  {
    name: 'the last commit of a session is rewritten, which no other follows',
    tamper: rewriteCommit(-1, () => ({ actor: { kind: 'user', id: 'innocent' } })),
    found: borea('commit-altered'),
  },
  {
    name: 'a commit is rewritten and the chain behind it is made whole again',
    tamper: rewriteLines(rewriteChain),
    found: borea('commit-altered'),
  },
  {
    name: 'the first commit of a session is taken out',
    tamper: rewriteLines((lines) => lines.toSpliced(indexOf(lines, 0), 1)),
    found: borea('revision-gap', 2),
  },
  {
    name: 'a commit in the middle is taken out',
    tamper: rewriteLines((lines) => lines.toSpliced(indexOf(lines, 2), 1)),
    found: borea('revision-gap', 10),
  },
  {
    name: 'the last commit of a session is taken out',
    tamper: rewriteLines((lines) => lines.toSpliced(indexOf(lines, -1), 1)),
    found: borea('commit-missing'),
  },
  {
    name: 'a whole session is taken out',
    tamper: rewriteLines((lines) => {
      const own = ownIndexes(lines, BOREA);
      return lines.filter((_line, index) => !own.includes(index));
    }),
    found: borea('commit-missing'),
  },
  {
    name: 'the end of the segment is cut off',
    tamper: rewriteLines((lines) => lines.slice(0, indexOf(lines, -1))),
    found: borea('commit-missing'),
  },
  {
    name: 'two commits of one session are swapped',
    tamper: rewriteLines((lines) => {
      const [left, right] = [indexOf(lines, 1), indexOf(lines, 2)];
      return lines.with(left, lineAt(lines, right)).with(right, lineAt(lines, left));
    }),
    found: borea('revision-repeated', 2),
  },
  {
    name: 'two commits of different sessions are swapped with their sequences',
    tamper: rewriteLines((lines) => {
      const [left, right] = [indexOf(lines, 3, ATLAS), indexOf(lines, 3)];
      const [one, other] = [lineAt(lines, left), lineAt(lines, right)];
      return lines
        .with(left, { ...other, sequence: one.sequence })
        .with(right, { ...one, sequence: other.sequence });
    }),
    found: { kind: 'commit-moved', segment: 1, aggregate: 'session' },
    needs: 'witness',
  },
  {
    name: 'a commit is there twice',
    tamper: rewriteLines((lines) => {
      const index = indexOf(lines, 2);
      return lines.toSpliced(index + 1, 0, lineAt(lines, index));
    }),
    found: borea('revision-repeated', 6),
  },
  {
    name: 'a forged commit with the right hash is put behind the last one of a session',
    tamper: rewriteLines((lines) => {
      const index = indexOf(lines, -1);
      const line = lineAt(lines, index);
      const previousHash = hashOf(Buffer.from(JSON.stringify(line.commit)));
      const commit = { ...line.commit, id: 'forged', firstRevision: 16, previousHash };
      return lines.toSpliced(index + 1, 0, { ...line, messageId: 'forged', commit });
    }),
    found: borea('commit-altered'),
  },
  {
    name: 'a session of nobody is put in',
    tamper: rewriteLines((lines) => {
      const index = indexOf(lines, 0);
      const line = lineAt(lines, index);
      const aggregateId = sessionIdOf('forged');
      const commit = { ...line.commit, aggregateId };
      return lines.toSpliced(index, 0, { ...line, subject: `evt.session.${aggregateId}`, commit });
    }),
    found: {
      kind: 'commit-unknown',
      segment: 1,
      aggregate: 'session',
      aggregateId: sessionIdOf('forged'),
      revision: 1,
    },
    needs: 'witness',
  },
  {
    name: 'a commit is put on the subject of another session',
    tamper: rewriteLines((lines) => {
      const index = indexOf(lines, 2);
      return lines.with(index, { ...lineAt(lines, index), subject: `evt.session.${ATLAS}` });
    }),
    found: borea('subject-mismatch', 6),
  },
  {
    name: 'a commit is said to be of another session',
    tamper: rewriteCommit(2, () => ({ aggregateId: ATLAS })),
    found: { ...borea('subject-mismatch', 6), aggregateId: ATLAS },
  },
  {
    name: 'a commit has another sequence',
    tamper: rewriteLines((lines) => {
      const index = indexOf(lines, 2);
      return lines.with(index, { ...lineAt(lines, index), sequence: 1_000_000 });
    }),
    found: { kind: 'segment-altered', segment: 1 },
  },
  {
    name: 'a commit has the message id of another',
    tamper: rewriteLines((lines) => {
      const index = indexOf(lines, 2);
      return lines.with(index, { ...lineAt(lines, index), messageId: 'another' });
    }),
    found: borea('message-id-mismatch', 6),
  },
];

const objects: readonly SegmentTampering[] = [
  {
    name: 'a line is no message',
    tamper: (all, segments) => {
      const name = contentOf(segments, 1);
      const text = zstdDecompressSync(bytesOf(all, name)).toString().split('\n');
      all.set(name, zstdCompressSync(text.with(3, text[3]?.slice(1) ?? '').join('\n')));
    },
    found: { kind: 'message-malformed', segment: 1 },
  },
  {
    name: 'one bit of the compressed bytes is another',
    tamper: (all, segments) => {
      const name = contentOf(segments, 1);
      const bytes = Uint8Array.from(bytesOf(all, name));
      const middle = bytes.length >>> 1;
      bytes[middle] = (bytes[middle] ?? 0) ^ 1;
      all.set(name, bytes);
    },
    found: { kind: 'segment-altered', segment: 1 },
  },
  {
    name: 'the compressed bytes are cut',
    tamper: (all, segments) => {
      const name = contentOf(segments, 1);
      all.set(name, bytesOf(all, name).slice(0, -40));
    },
    found: { kind: 'segment-altered', segment: 1 },
  },
  {
    name: 'a segment is empty',
    tamper: (all, segments) => all.set(contentOf(segments, 1), new Uint8Array()),
    found: { kind: 'segment-altered', segment: 1 },
  },
  {
    name: 'a segment is compressed anew, with the same contents',
    tamper: (all, segments) => {
      const name = contentOf(segments, 1);
      all.set(name, zstdCompressSync(zstdDecompressSync(bytesOf(all, name))));
    },
    found: { kind: 'segment-altered', segment: 1 },
  },
  {
    name: 'the contents of a segment are not there',
    tamper: (all, segments) => all.delete(contentOf(segments, 1)),
    found: { kind: 'segment-missing', segment: 1 },
  },
  {
    name: 'the manifest of a segment is not there',
    tamper: (all, segments) => all.delete(manifestOf(segments, 1)),
    found: { kind: 'segment-missing', segment: 1 },
  },
  {
    name: 'the newest segment is not there',
    tamper: (all, segments) => {
      all.delete(contentOf(segments, 2));
      all.delete(manifestOf(segments, 2));
    },
    found: { kind: 'segment-missing', segment: 2 },
  },
  {
    name: 'everything is gone',
    tamper: (all) => all.clear(),
    found: { kind: 'segment-missing', segment: 1 },
  },
  {
    name: 'two segments lie under the name of each other',
    tamper: (all, segments) => {
      swapObjects(all, contentOf(segments, 1), contentOf(segments, 2));
      swapObjects(all, manifestOf(segments, 1), manifestOf(segments, 2));
    },
    found: { kind: 'segment-chain-broken', segment: 2 },
  },
  {
    name: 'an older segment is put in the place of the newest',
    tamper: (all, segments) => {
      all.set(contentOf(segments, 2), bytesOf(all, contentOf(segments, 1)));
      all.set(manifestOf(segments, 2), bytesOf(all, manifestOf(segments, 1)));
    },
    found: { kind: 'manifest-altered', segment: 2 },
  },
  {
    name: 'a segment is rewritten with its whole chain, and its manifest with it',
    tamper: (all, segments) => {
      rewriteLines(rewriteChain)(all, segments);
      describeAnew(all, segments);
    },
    found: { kind: 'manifest-altered', segment: 1 },
  },
  {
    name: 'a manifest names another predecessor',
    tamper: (all, segments) => {
      const name = manifestOf(segments, 2);
      const manifest = JSON.parse(Buffer.from(bytesOf(all, name)).toString());
      const changed = { ...manifest, previousManifestHash: 'f'.repeat(64) };
      all.set(name, Buffer.from(`${JSON.stringify(changed)}\n`));
    },
    found: { kind: 'segment-chain-broken', segment: 2 },
  },
  {
    name: 'a manifest is no manifest',
    tamper: (all, segments) => all.set(manifestOf(segments, 1), Buffer.from('{')),
    found: { kind: 'manifest-altered', segment: 1 },
  },
  {
    name: 'a segment of nobody is put in',
    tamper: (all, segments) =>
      all.set('00000001-ffffffffffffffff.ndjson.zst', bytesOf(all, contentOf(segments, 1))),
    found: { kind: 'segment-unknown' },
  },
];

export const segmentTamperings = [...contents, ...objects];
