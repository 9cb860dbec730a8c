import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { listRecordings, pruneRecordings } from '../../../actors/agent/terminals/recordings.ts';
import { SCROLL_BACK_BYTES_MAX } from '../../../actors/agent/terminals/scroll-back.ts';
import { VIEWERS_MAX } from '../../../actors/agent/terminals/terminal.ts';
import { look, openTerminals } from './terminal-bench.ts';

const type = (text: string): Buffer => Buffer.from(text);
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'none',
    (error) => error.code,
  );

const terminals = suite('terminals: of a kernel');

terminals('several see the same shell, and its exit', async () => {
  await using bench = await openTerminals();
  const terminal = await bench.terminals.find(bench.request());
  assert.is(await bench.terminals.find(bench.request()), terminal, 'it is the same one');
  const viewers = [look(terminal), look(terminal)];
  await terminal.type(type('echo $((6 * 7))\n'));
  for (const viewer of viewers) await viewer.sees(/\r42\r\n/);
  await terminal.type(type('exit 5\n'));
  for (const viewer of viewers) {
    await viewer.done;
    assert.is(viewer.exitCode(), 5);
  }
  assert.is.not(await bench.terminals.find(bench.request()), terminal, 'then another begins');
});

terminals('who was cut off goes on where they were, or learns how it ended', async () => {
  await using bench = await openTerminals();
  const terminal = await bench.terminals.find(bench.request());
  const first = look(terminal);
  await terminal.type(type('x=1; echo be""fore\n'));
  await first.sees(/before/);
  first.leave();
  await first.done;
  await terminal.type(type('echo mean""while $x\n'));
  const onlooker = look(terminal);
  await onlooker.sees(/meanwhile 1/);
  const from = { life: terminal.life, afterBytes: first.endBytes() };
  const again = look(await bench.terminals.find(bench.request(from)), from);
  await again.sees(/meanwhile 1/);
  assert.is(again.attached()[0]?.offsetBytes, first.endBytes());
  assert.is(first.text() + again.text(), onlooker.text(), 'each byte once');
  await terminal.type(type('exit 3\n'));
  await again.done;
  const late = look(await bench.terminals.find(bench.request(from)), from);
  await late.done;
  assert.is(late.exitCode(), 3);
  const forgotten = bench.request({ ...from, terminal: 'other' });
  assert.is(await codeOf(bench.terminals.find(forgotten)), 'terminal-ended');
});

terminals('the shell learns its size, from who may type alone', async () => {
  await using bench = await openTerminals();
  const size = { columns: 100, rows: 30 };
  const terminal = await bench.terminals.find(bench.request(size));
  const viewer = look(terminal);
  await terminal.type(type('stty size\n'));
  await viewer.sees(/\r30 100\r\n/);
  await bench.terminals.find(bench.request({ columns: 50, rows: 10, mode: 'read-only' }));
  await bench.terminals.find(bench.request({ columns: 120, rows: 40 }));
  await terminal.type(type('stty size\n'));
  await viewer.sees(/\r40 120\r\n/);
  assert.not.match(viewer.text(), /10 50/);
});

terminals('a restart ends what hangs and begins another shell before all eyes', async () => {
  await using bench = await openTerminals();
  const terminal = await bench.terminals.find(bench.request());
  const viewer = look(terminal);
  const { life } = terminal;
  await terminal.type(type('y=1; trap "" INT HUP; echo han""gs; cat > /dev/null\n'));
  await viewer.sees(/hangs/);
  await terminal.restart();
  await terminal.type(type('echo y is -$y-\n'));
  await viewer.sees(/y is --/);
  assert.is.not(terminal.life, life);
  assert.equal(
    viewer.attached().map((each) => each.life),
    [life, terminal.life],
  );
  assert.is(viewer.exitCode(), undefined, 'the end of the old one is no end');
});

terminals('no more than so much is kept, and it is shown again without its questions', async () => {
  await using bench = await openTerminals();
  const terminal = await bench.terminals.find(bench.request());
  const first = look(terminal);
  await terminal.type(type('printf "\\033[6nasked\\033[c"; seq 1 200000; echo the-""end\n'));
  await first.sees(/the-end/);
  assert.ok(first.text().includes('\x1b[6n'), 'the terminal that was there is asked');
  const later = look(terminal);
  await later.sees(/the-end/);
  const kept = later.text().length;
  assert.ok(kept <= SCROLL_BACK_BYTES_MAX + 16 * 1024 && kept >= SCROLL_BACK_BYTES_MAX / 2);
  await terminal.type(type('printf "\\033[6nlast\\033[c\\033]11;?\\007"; echo\n'));
  await later.sees(/last/);
  const last = look(terminal);
  await last.sees(/last/);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is looked for.
  assert.not.match(last.text(), /\x1b\[6n|\x1b\[c|\x1b\]11;\?\x07/);
  assert.is(last.endBytes(), later.endBytes(), 'places stay as they are');
});

terminals(
  'a program that prints without end waits for its viewer, not for a slow one',
  async () => {
    await using bench = await openTerminals();
    const terminal = await bench.terminals.find(bench.request());
    const stalled = terminal.watch(
      { life: undefined, afterBytes: 0 },
      new AbortController().signal,
    );
    await stalled.next();
    const viewer = look(terminal);
    await terminal.type(type('yes | head -c 3000000; echo do""ne\n'));
    await viewer.sees(/done/);
    const caught: string[] = [];
    for await (const frame of stalled) {
      if (frame.kind === 'attached') caught.push(`attached ${frame.offsetBytes > 0}`);
      const isEnd =
        frame.kind === 'output' && Buffer.from(frame.data, 'base64').includes('done\r\n');
      if (isEnd) break;
    }
    assert.equal(caught, ['attached true'], 'who was too slow goes on with what is kept');
  },
);

terminals('who only looks on begins no shell, and there is a limit to who looks', async () => {
  await using bench = await openTerminals();
  const looking = bench.request({ mode: 'read-only' });
  assert.is(await codeOf(bench.terminals.find(looking)), 'terminal-not-found');
  assert.is(bench.terminals.isInUse, false);
  const terminal = await bench.terminals.find(bench.request());
  const viewers = Array.from({ length: VIEWERS_MAX }, () => look(terminal));
  await Promise.all(viewers.map((viewer) => viewer.sees(/./)));
  assert.is(await codeOf(look(terminal).done), 'too-many-viewers');
  assert.is(bench.terminals.isInUse, true);
});

terminals('what is recorded plays back: output, sizes and what was there before', async () => {
  await using bench = await openTerminals();
  const terminal = await bench.terminals.find(bench.request());
  const viewer = look(terminal);
  await terminal.type(type('echo ear""lier\n'));
  await viewer.sees(/earlier/);
  await bench.terminals.find(bench.request({ isRecorded: true }));
  assert.is(terminal.isRecorded, true);
  await terminal.resize({ columns: 132, rows: 43 });
  await terminal.type(type('echo möb""ius\n'));
  await viewer.sees(/m\xc3\xb6bius\r/);
  await terminal.type(type('exit\n'));
  await viewer.done;
  const { recordings } = await listRecordings(bench.recordings, bench.kernel);
  assert.is(recordings.length, 1);
  const [found] = recordings;
  assert.is(found?.terminal, 'main');
  const path = join(bench.recordings, bench.kernel, found?.name ?? '');
  assert.is(statSync(path).mode & 0o777, 0o600);
  const [header, ...events] = readFileSync(path, 'utf8')
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  assert.equal([header.version, header.width, header.height], [2, 80, 24]);
  const shown = events.flatMap(([, kind, data]) => (kind === 'o' ? [data] : [])).join('');
  assert.match(shown, /earlier[\s\S]*möbius\r\n/);
  assert.ok(events.some(([, kind, data]) => kind === 'r' && data === '132x43'));
  const times = events.map(([seconds]) => seconds);
  assert.equal(
    times,
    times.toSorted((one, other) => one - other),
  );
  await pruneRecordings(bench.recordings, 1);
  assert.equal((await listRecordings(bench.recordings, bench.kernel)).recordings, []);
});

terminals.run();
