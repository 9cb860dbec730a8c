import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { steadyClock, systemClock } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { UNRECEIVED_BYTES_MAX } from '../../../actors/agent/runs/run-log.ts';
import { openRuns, printed } from './runs-bench.ts';

/** The machine of the tests is shared, so this is far from what an interrupt needs. */
const INTERRUPT_MS_MAX = 2_000;

const languages: Readonly<
  Record<
    'python' | 'node' | 'shell',
    {
      readonly set: string;
      readonly change: string;
      readonly show: string;
      readonly fail: string;
      readonly complaint: RegExp;
      readonly loop: string;
      readonly wait: string;
      readonly end: string;
      readonly endCode: number;
    }
  >
> = {
  python: {
    set: 'x = 6',
    change: 'x = x * 7',
    show: 'print(x)',
    fail: 'def f():\n    return 1 / 0\nf()',
    complaint: /<cell \d+>", line 2, in f\n.*return 1 \/ 0[\s\S]*ZeroDivisionError/,
    loop: 'while True: pass',
    wait: 'import time; time.sleep(600)',
    end: 'import os; os._exit(7)',
    endCode: 7,
  },
  node: {
    set: 'let x = 6',
    change: 'x *= 7; undefined',
    show: 'console.log(x)',
    fail: 'function f() { throw new Error("broken"); }\nf()',
    complaint: /Uncaught Error: broken\n\s+at f/,
    loop: 'while (true) {}',
    wait: 'await new Promise(() => {})',
    end: 'process.kill(process.pid, "SIGKILL")',
    endCode: 137,
  },
  shell: {
    set: 'x=6',
    change: 'x=$((x * 7))',
    show: 'echo "$x"',
    fail: 'no-such-program',
    complaint: /no-such-program: .*not found/,
    loop: 'while :; do :; done',
    wait: 'sleep 600',
    end: 'exit 7',
    endCode: 7,
  },
};

for (const [language, cells] of Object.entries(languages)) {
  const cell = suite(`runs: cells of ${language}`);
  const name = language as keyof typeof languages;

  cell('share their state, and keep it after a cell that failed', async () => {
    await using bench = await openRuns(name);
    const run = (runId: string, code: string) => bench.finish({ runId, code });
    assert.is((await run('a', cells.set)).exitCode, 0);
    const failed = await run('b', cells.fail);
    assert.is.not(failed.exitCode, 0);
    assert.match(printed(failed, 'stderr'), cells.complaint);
    assert.not.match(printed(failed, 'stderr'), /actors\/runner/);
    assert.is((await run('c', cells.change)).console.length, 0);
    assert.is(printed(await run('d', cells.show), 'stdout'), '42\n');
  });

  cell('are interrupted in an endless loop and in a wait, and the next one goes on', async () => {
    await using bench = await openRuns(name);
    await bench.finish({ runId: 'set', code: cells.set });
    for (const [runId, code] of [
      ['loop', cells.loop],
      ['wait', cells.wait],
    ] as const) {
      assert.is((await bench.call({ runId, code, flushMs: 200 })).status, 'continued');
      const startMs = steadyClock.nowMs();
      assert.is(await bench.runs.interrupt(runId), true);
      const { status, exitCode } = await bench.call({ runId, mode: 'continue' });
      assert.is(status, 'finished');
      assert.is.not(exitCode, 0);
      assert.ok(steadyClock.nowMs() - startMs < INTERRUPT_MS_MAX);
    }
    assert.is(printed(await bench.finish({ runId: 'show', code: cells.show }), 'stdout'), '6\n');
  });

  cell('that end the interpreter say so, and the next one has a new one', async () => {
    await using bench = await openRuns(name);
    const ended = await bench.finish({ runId: 'end', code: cells.end });
    assert.is(ended.exitCode, cells.endCode);
    assert.match(JSON.stringify(ended.console), /the interpreter ended/);
    const code = { python: 'print(1)', node: 'console.log(1)', shell: 'echo 1' }[name];
    assert.is(printed(await bench.finish({ runId: 'next', code }), 'stdout'), '1\n');
  });

  cell('that take too long are ended, by force if need be', async () => {
    await using bench = await openRuns(name);
    const { status } = await bench.finish({ runId: 'late', code: cells.loop, timeoutMs: 300 });
    assert.is(status, 'exec-timeout');
  });

  cell.run();
}

const output = suite('runs: output');

output('keeps the order of what is printed, shown and asked, and answers a question', async () => {
  await using bench = await openRuns('python');
  const code = `
class Picture:
    def _repr_png_(self): return b'PNG'
class Page:
    def _repr_html_(self): return '<b>é</b>'
print('before'); display(Picture()); print('between'); display(Page())
name = input('name? ')
print('hello', name)`;
  const asked = await bench.call({ code });
  assert.equal(asked.console, [
    ['stdout', 'before\n'],
    ['media', ['image/png', 'data:image/png;base64,UE5H']],
    ['stdout', 'between\n'],
    ['media', ['text/html', '<b>é</b>']],
    ['stdout', 'name? '],
  ]);
  assert.is(asked.status, 'waiting-input');
  assert.equal(asked.options, { is_password: false });
  const answer = { mode: 'input', code: 'Ada', after: asked.next } as const;
  const answered = await bench.call(answer);
  assert.equal(answered.console, [['stdout', 'hello Ada\n']]);
  assert.equal(await bench.call(answer), answered, 'an answer that comes twice is taken once');
});

output('a password is asked for as one', async () => {
  await using bench = await openRuns('python');
  const asked = await bench.call({ code: 'import getpass; getpass.getpass()' });
  assert.equal(asked.options, { is_password: true });
});

output('a long message comes whole, among what a child prints meanwhile', async () => {
  await using bench = await openRuns('python');
  const code = `
import subprocess
noise = subprocess.Popen(['sh', '-c', 'i=0; while [ $i -lt 2000 ]; do echo noise; i=$((i+1)); done'])
class Big:
    def _repr_html_(self): return 'é' * 300000
display(Big())
_ = noise.wait()`;
  const { console, exitCode } = await bench.finish({ code });
  assert.is(exitCode, 0);
  const [media] = console.filter(([kind]) => kind === 'media');
  assert.is(media?.[1]?.[1]?.length, 300_000);
  assert.is(printed({ console } as never, 'stdout'), 'noise\n'.repeat(2_000));
});

output('what prints without end waits for its reader, and loses nothing', async () => {
  await using bench = await openRuns('shell');
  let result = await bench.call({ code: 'yes "$(printf %01000d 7)"', flushMs: 500 });
  const before = process.memoryUsage().rss;
  let read = 0;
  const line = `${'7'.padStart(1000, '0')}\n`;
  let begun = '';
  while (read < 2 * UNRECEIVED_BYTES_MAX) {
    const text = `${begun}${printed(result, 'stdout')}`;
    const whole = text.length - (text.length % line.length);
    assert.is(text.slice(0, whole) === line.repeat(whole / line.length), true);
    begun = text.slice(whole);
    read += whole;
    result = await bench.call({ mode: 'continue', after: result.next });
  }
  assert.ok(process.memoryUsage().rss - before < 8 * UNRECEIVED_BYTES_MAX);
  await bench.runs.interrupt(undefined);
});

output('is given again from any place that was not yet received', async () => {
  await using bench = await openRuns('shell');
  const whole = await bench.finish({ code: 'seq 1 1000; sleep 0.1; seq 1001 2000' });
  const again = await bench.call({ mode: 'continue', after: whole.next - 1 });
  assert.is(again.status, 'finished');
  assert.is(again.next, whole.next);
});

output('a run that comes again under the same name is the same run', async () => {
  await using bench = await openRuns('python');
  await bench.finish({ runId: 'zero', code: 'n = 0' });
  const once = await bench.finish({ runId: 'one', code: 'n += 1; print(n)', after: 0 });
  const twice = await bench.call({ runId: 'one', code: 'n += 1; print(n)', after: 0 });
  assert.equal(twice.console, once.console);
});

output('of a kernel that ends comes to its end with 130', async () => {
  await using bench = await openRuns('python');
  const code = 'input("here"); import time; time.sleep(600)';
  const { next } = await bench.call({ code });
  await bench.call({ mode: 'input', code: '', after: next, flushMs: 100 });
  await bench.endKernel();
  const { status, exitCode } = await bench.finish({ mode: 'continue' });
  assert.is(status, 'finished');
  assert.is(exitCode, 130);
});

output('that a killed keeper left is still there for the next', async () => {
  await using bench = await openRuns('shell');
  const first = await bench.call({ code: 'seq 1 3; sleep 600', flushMs: 500 });
  const request = { kind: 'execute', kernel: '', language: 'shell', code: '', flushMs: 0 } as const;
  const next = bench.reopened();
  const left = await next.execute(
    { ...request, runId: 'run', mode: 'continue', after: 0 },
    systemClock.sleep(0),
  );
  assert.is(printed(left, 'stdout'), printed(first, 'stdout'));
  assert.is(left.exitCode, 130);
});

output(
  'runs beyond the limit are forgotten with their files, and a name can be used again',
  async () => {
    await using bench = await openRuns('shell');
    const run = (runId: string) => bench.finish({ runId, code: `echo ${runId}` });
    for (let index = 0; index < 40; index++) await run(`run-${index}`);
    assert.is(printed(await run('run-0'), 'stdout'), 'run-0\n', 'it ran once more');
    const again = bench.reopened();
    const call = { kind: 'execute', kernel: 'k', language: 'shell', code: '', flushMs: 0 } as const;
    const late = systemClock.sleep(0);
    const known = await again.execute(
      { ...call, runId: 'run-39', mode: 'continue', after: 0 },
      late,
    );
    assert.is(known.status, 'finished');
    const forgotten = again.execute({ ...call, runId: 'run-2', mode: 'continue' }, late);
    assert.is(await forgotten.catch((error) => error.code), 'run-not-found');
  },
);

output.run();

const batch = suite('runs: batches');

batch('clean, build and run in this order, each with its own status', async () => {
  await using bench = await openRuns('python');
  const steps = { clean: 'echo c', build: 'echo b', exec: 'echo e; exit 5' };
  const seen = [await bench.call({ mode: 'batch', steps })];
  while (seen.at(-1)?.status !== 'finished') seen.push(await bench.call({ mode: 'continue' }));
  assert.equal(
    seen.map(({ status, exitCode, console }) => [status, exitCode, console]),
    [
      ['clean-finished', 0, [['stdout', 'c\n']]],
      ['build-finished', 0, [['stdout', 'b\n']]],
      ['finished', 5, [['stdout', 'e\n']]],
    ],
  );
});

batch('what could not be built is not run, and ends with 127', async () => {
  await using bench = await openRuns('shell');
  const steps = { build: 'exit 2', exec: 'touch ran' };
  const { exitCode } = await bench.finish({ mode: 'batch', steps });
  assert.is(exitCode, 127);
  assert.is(existsSync(join(bench.work, 'ran')), false);
});

batch('a star stands for what is usual in the language', async () => {
  await using bench = await openRuns('python');
  const steps = { clean: '*', build: '*', exec: '*' };
  assert.is((await bench.finish({ runId: 'none', mode: 'batch', steps })).exitCode, 127);
  writeFileSync(join(bench.work, 'main.py'), 'print("main")');
  const result = await bench.finish({ runId: 'main', mode: 'batch', steps });
  assert.is(printed(result, 'stdout'), 'main\n');
  assert.is(result.exitCode, 0);
});

batch('can be interrupted, and reads nothing', async () => {
  await using bench = await openRuns('shell');
  const steps = { exec: 'read line; echo "<$line>"; sleep 600' };
  await bench.call({ mode: 'batch', steps });
  await bench.call({ mode: 'continue' });
  const waiting = await bench.call({ mode: 'continue', flushMs: 500 });
  assert.is(waiting.status, 'continued');
  assert.is(printed(waiting, 'stdout'), '<>\n');
  await bench.runs.interrupt('run');
  assert.is((await bench.finish({ mode: 'continue' })).exitCode, 130);
});

batch.run();
