import {
  BusUnavailable,
  type CommandEnvelope,
  createMemoryBus,
  type ExecuteRequest,
  known,
  type Outcome,
  SessionCommand,
  SessionUse,
  SimulatedClock,
  USE_PATHS_MAX,
  USE_TEXT_CHARACTERS_MAX,
} from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createCommands, OUTCOME_WAIT_MS_MAX } from '../../../gateway/commands/commands.ts';
import { RequestFailed } from '../../../gateway/errors.ts';
import { noteUse, useOfFiles, useOfProgram, useOfRun } from '../../../gateway/inside/note-use.ts';

const kernel = '0190b0c8-0000-7000-8000-000000000003';
const session = '0190b0c8-0000-7000-8000-000000000001';
const visitor = { session, userId: 'u', traceparent: undefined };
const run: ExecuteRequest = {
  kind: 'execute',
  kernel,
  runId: 'run-1',
  mode: 'query',
  language: 'python',
  code: 'print(1)',
  flushMs: 0,
};

const telling = suite('uses of a session: what is written of them');

telling('code by where it begins and its digest, however long it is', () => {
  const code = `${'x'.repeat(USE_TEXT_CHARACTERS_MAX - 1)}\u{1f600}${'y'.repeat(200_000)}`;
  const use = SessionUse.parse(useOfRun({ ...run, code }));
  assert.is(use.kind === 'code' && use.characters, code.length);
  assert.is(use.kind === 'code' && use.text.length, USE_TEXT_CHARACTERS_MAX);
  assert.is(use.kind === 'code' && use.text.isWellFormed(), true);
  const other = SessionUse.parse(useOfRun({ ...run, code: `${code}z` }));
  assert.is.not(
    other.kind === 'code' && other.digest,
    use.kind === 'code' && use.digest,
    'another end is another code',
  );
});

telling('nothing that is answered to a question, which may be a password', () => {
  assert.is(useOfRun({ ...run, mode: 'input', code: 'secret' }), undefined);
  assert.is(useOfRun({ ...run, mode: 'continue', code: '' }), undefined);
});

telling('the steps of a batch, the words of a program, and the files', () => {
  const steps = { clean: null, build: 'make', exec: 'e'.repeat(5_000) };
  const batch = SessionUse.parse(useOfRun({ ...run, mode: 'batch', steps }));
  assert.equal(batch.kind === 'batch' && batch.steps, {
    ...steps,
    exec: 'e'.repeat(USE_TEXT_CHARACTERS_MAX),
  });
  const exec = { kind: 'exec' as const, kernel, command: ['ls', '-l'] };
  const { digest: _, ...program } = useOfProgram({ ...exec, hasTerminal: true }) as {
    readonly digest: string;
  };
  assert.equal(program, { kind: 'program', text: 'ls -l', words: 2, hasTerminal: true });
  const paths = Array.from({ length: 100 }, (_each, index) => `file-${index}`);
  const read = SessionUse.parse(useOfFiles({ kind: 'file-read-tar', kernel, paths }));
  assert.equal(read.kind === 'files-read' && [read.paths.length, read.pathsTotal], [
    USE_PATHS_MAX,
    100,
  ]);
  assert.equal(useOfFiles({ kind: 'file-write-tar', kernel, path: 'd' }), {
    kind: 'files-written',
    path: 'd',
    isArchive: true,
  });
  assert.is(useOfFiles({ kind: 'file-list', kernel, path: '.' }), undefined);
});

telling.run();

const noting = suite('uses of a session: writing them down');

type Answer = () => Promise<Outcome>;

function noteThrough(answer: Answer) {
  const clock = new SimulatedClock();
  const sent: CommandEnvelope[] = [];
  const request = (envelope: CommandEnvelope): Promise<Outcome> => {
    sent.push(envelope);
    return answer();
  };
  const inbox = { ...createMemoryBus({ clock }).inbox, request };
  const commands = createCommands({ inbox, clock, closing: new AbortController().signal });
  return { clock, sent, note: (use: SessionUse) => noteUse({ commands, clock }, visitor, use) };
}

const program = useOfProgram({ kind: 'exec', kernel, command: ['ls'], hasTerminal: false });

noting('names who does it, and is done when the log has it', async () => {
  const { sent, note } = noteThrough(async () => ({ ok: true, revision: 1, sequence: 1 }));
  await note(program);
  assert.equal(sent[0]?.actor, { kind: 'user', id: 'u' });
  assert.is(sent[0]?.aggregateId, session);
  assert.is(SessionCommand.parse(sent[0]?.command).type, 'note-use');
});

noting('what the session refuses is not to be done', async () => {
  const refusal = { code: 'session-not-running', message: 'it is over' };
  const { note } = noteThrough(async () => ({ ok: false, error: refusal }));
  const error = await note(program).catch((failure: unknown) => failure);
  assert.ok(error instanceof RequestFailed && error.code === 'SESSION_NOT_RUNNING');
});

noting('fails when it cannot be written, so that nothing is done unseen', async () => {
  const { clock, note } = noteThrough(() => Promise.reject(new BusUnavailable('take it')));
  const failure = note(known(useOfRun(run))).catch((error: unknown) => error);
  await clock.advance(OUTCOME_WAIT_MS_MAX + 1_000);
  const error = await failure;
  assert.ok(error instanceof RequestFailed && error.code === 'UNAVAILABLE');
});

noting.run();
