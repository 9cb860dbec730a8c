/**
 * Runs cells of JavaScript that share their state. Needs Node 20 and nothing else. Standard input: a line
 * of JSON each, the first one with the secret that marks our own messages in the output; it is read by a
 * thread of its own, so that an interrupt is heard while a cell runs. See README.md for the messages.
 */
import { Console } from 'node:console';
import { read, readSync, writeSync } from 'node:fs';
import inspector from 'node:inspector';
import { createRequire } from 'node:module';
import { Writable } from 'node:stream';
import { inspect } from 'node:util';
import {
  isMainThread,
  MessageChannel,
  parentPort,
  receiveMessageOnPort,
  Worker,
  workerData,
} from 'node:worker_threads';

const PIECE_BYTES = 3500;
const WAIT_FOR_ROOM_MS = 1;
const SUGGESTIONS_MAX = 500;

/** A pipe that is full makes the cell wait. */
function writeAll(fd, bytes) {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(fd, bytes, at);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WAIT_FOR_ROOM_MS);
    }
  }
}

function createMessages(secret) {
  const send = (fd, message) => {
    const text = JSON.stringify(message).replace(
      /[\u007f-\uffff]/g,
      (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
    );
    for (let at = 0; at === 0 || at < text.length; at += PIECE_BYTES) {
      const sign = at + PIECE_BYTES < text.length ? '+' : '.';
      writeAll(fd, Buffer.from(`\0${secret}${sign}${text.slice(at, at + PIECE_BYTES)}\n`));
    }
  };
  return {
    say: (message) => send(1, message),
    done(exitCode) {
      send(2, { kind: 'done' });
      send(1, { kind: 'done', exitCode });
    },
  };
}

/** The listening thread: what is urgent is done at once, the rest is handed to the cells' thread. */
function listen({ answers, wake }) {
  const session = new inspector.Session();
  session.connectToMainThread();
  const take = (message) => {
    if (message.kind === 'input') {
      answers.postMessage({ text: message.text });
    } else if (message.kind === 'interrupt') {
      if (Atomics.load(wake, 1) === 1) {
        session.post('Runtime.terminateExecution', () => {});
        process.kill(0, 'SIGINT');
      }
      if (Atomics.load(wake, 2) === 1) answers.postMessage({ isInterrupted: true });
    } else {
      parentPort.postMessage(message);
      return;
    }
    Atomics.add(wake, 0, 1);
    Atomics.notify(wake, 0);
    parentPort.postMessage(message);
  };
  const chunk = Buffer.alloc(65_536);
  // Without blocking this thread: between two reads the inspector's own messages are sent.
  const next = (begun) => {
    read(0, chunk, 0, chunk.length, null, (error, length) => {
      if (error?.code === 'EAGAIN') {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, WAIT_FOR_ROOM_MS);
        next(begun);
        return;
      }
      if (error !== null || length === 0) {
        process.kill(0, 'SIGKILL');
        return;
      }
      const lines = Buffer.concat([begun, chunk.subarray(0, length)]);
      const end = lines.lastIndexOf(10);
      if (end >= 0)
        for (const line of lines.subarray(0, end).toString().split('\n')) take(JSON.parse(line));
      next(Buffer.from(lines.subarray(end + 1)));
    });
  };
  next(Buffer.alloc(0));
}

class Runner {
  #messages;
  #session = new inspector.Session();
  #answers;
  #wake;
  #interrupted;

  constructor(messages, answers, wake) {
    this.#messages = messages;
    this.#answers = answers;
    this.#wake = wake;
    this.#session.connect();
  }

  prepare() {
    const output = (fd) =>
      new Writable({
        decodeStrings: true,
        write(bytes, _encoding, done) {
          writeAll(fd, bytes);
          done();
        },
      });
    const stdout = output(1);
    const stderr = output(2);
    Object.defineProperty(process, 'stdout', { value: stdout });
    Object.defineProperty(process, 'stderr', { value: stderr });
    globalThis.console = new Console({ stdout, stderr });
    globalThis.require = createRequire(`${process.cwd()}/`);
    globalThis.prompt = (text = '') => this.#ask(text);
    globalThis.display = (...values) => {
      for (const value of values) this.#display(value);
    };
    process.exit = (code) => {
      throw new CellExit(code ?? process.exitCode ?? 0);
    };
    process.on('SIGINT', () => {});
    process.on('uncaughtException', (error) => writeAll(2, Buffer.from(`${told(error)}\n`)));
  }

  async take(message) {
    if (message.kind === 'interrupt') this.#interrupted?.();
    else if (message.kind === 'complete') {
      const { id } = message;
      this.#messages.say({ kind: 'completion', id, suggestions: await this.#complete(message) });
    } else if (message.kind === 'code') this.#messages.done(await this.#run(message.code));
  }

  async #run(code) {
    const interrupted = new Promise((resolve) => {
      this.#interrupted = () => resolve({ isInterrupted: true });
    });
    while (receiveMessageOnPort(this.#answers) !== undefined);
    Atomics.store(this.#wake, 1, 1);
    try {
      const outcome = await Promise.race([this.#evaluate(code), interrupted]);
      return await this.#finish(outcome);
    } finally {
      Atomics.store(this.#wake, 1, 0);
      this.#interrupted = undefined;
    }
  }

  #evaluate(expression, options = {}) {
    return new Promise((resolve) => {
      const request = { expression, replMode: true, awaitPromise: true, ...options };
      this.#session.post('Runtime.evaluate', request, (error, answer) =>
        resolve(error === null ? answer : { isInterrupted: true }),
      );
    });
  }

  async #finish(outcome) {
    if (outcome.isInterrupted === true) {
      writeAll(2, Buffer.from('Interrupted\n'));
      return 1;
    }
    const { result, exceptionDetails } = outcome;
    const value = await this.#valueOf(exceptionDetails?.exception ?? result);
    if (exceptionDetails === undefined) {
      if (value !== undefined) this.#display(value);
      return 0;
    }
    if (value instanceof CellExit) return value.exitCode;
    writeAll(2, Buffer.from(`Uncaught ${told(value)}\n`));
    return 1;
  }

  /** What the inspector only speaks of, as itself. */
  async #valueOf(remote) {
    if (remote.objectId === undefined) {
      if (remote.unserializableValue === undefined) return remote.value;
      const { unserializableValue: text } = remote;
      return text.endsWith('n') ? BigInt(text.slice(0, -1)) : Number(text);
    }
    let value;
    globalThis[HANDED_OVER] = (given) => {
      value = given;
    };
    await new Promise((resolve) => {
      const functionDeclaration = `function () { globalThis[Symbol.for('${HANDED_OVER.description}')](this) }`;
      this.#session.post(
        'Runtime.callFunctionOn',
        { functionDeclaration, objectId: remote.objectId },
        resolve,
      );
    });
    delete globalThis[HANDED_OVER];
    return value;
  }

  #display(value) {
    const media = mediaOf(value);
    if (media === undefined) writeAll(1, Buffer.from(`${inspect(value)}\n`));
    else this.#messages.say({ kind: 'media', ...media });
  }

  #ask(text) {
    writeAll(1, Buffer.from(String(text)));
    this.#messages.say({ kind: 'waiting-input', isPassword: false });
    Atomics.store(this.#wake, 2, 1);
    try {
      for (;;) {
        const seen = Atomics.load(this.#wake, 0);
        const answer = receiveMessageOnPort(this.#answers)?.message;
        if (answer?.isInterrupted === true) throw new Error('Interrupted');
        if (answer !== undefined) return answer.text;
        Atomics.wait(this.#wake, 0, seen);
      }
    } finally {
      Atomics.store(this.#wake, 2, 0);
    }
  }

  async #complete({ code }) {
    const [, owner, begun = ''] = /(?:([\w$.]+)\.)?([\w$]*)$/.exec(code) ?? [];
    const safely = { throwOnSideEffect: true, awaitPromise: false };
    const answer = await this.#evaluate(owner ?? 'globalThis', safely);
    if (answer.result === undefined || answer.exceptionDetails !== undefined) return [];
    const names = new Set(owner === undefined ? await this.#lexicalNames() : []);
    const value = await this.#valueOf(answer.result);
    for (let at = value; at !== null && at !== undefined; at = Object.getPrototypeOf(Object(at)))
      for (const name of Object.getOwnPropertyNames(Object(at))) names.add(name);
    const prefix = owner === undefined ? '' : `${owner}.`;
    return [...names]
      .filter((name) => name.startsWith(begun) && /^[\w$]+$/.test(name) && !/^\d/.test(name))
      .sort()
      .slice(0, SUGGESTIONS_MAX)
      .map((name) => `${prefix}${name}`);
  }

  #lexicalNames() {
    return new Promise((resolve) => {
      this.#session.post('Runtime.globalLexicalScopeNames', {}, (error, answer) =>
        resolve(error === null ? answer.names : []),
      );
    });
  }
}

const HANDED_OVER = Symbol.for('orrery.handed-over');

class CellExit extends Error {
  constructor(exitCode) {
    super(`the cell ended with ${exitCode}`);
    this.exitCode = Number(exitCode) & 0xff;
  }
}

function told(error) {
  const isOurs = (line) => line.includes('node:inspector') || line.includes(import.meta.url);
  if (!(error instanceof Error) || error.stack === undefined) return inspect(error);
  const lines = error.stack.split('\n');
  const end = lines.findIndex(isOurs);
  return lines.slice(0, end < 0 ? undefined : end).join('\n');
}

/** Objects that can show themselves, as notebooks know them. */
function mediaOf(value) {
  if (typeof value !== 'object' || value === null) return undefined;
  if (typeof value._toHtml === 'function') return { mime: 'text/html', content: value._toHtml() };
  if (typeof value._toPng === 'function') return picture('image/png', value._toPng());
  if (typeof value._toJpeg === 'function') return picture('image/jpeg', value._toJpeg());
  if (typeof value._toSvg === 'function') return { mime: 'image/svg+xml', content: value._toSvg() };
  return undefined;
}

/** Bytes, or base64 already. */
function picture(mime, content) {
  const base64 = typeof content === 'string' ? content : Buffer.from(content).toString('base64');
  return { mime, content: `data:${mime};base64,${base64}` };
}

/** The first line, byte by byte, so that nothing that follows it is lost. */
function readFirstLine() {
  const one = Buffer.alloc(1);
  let line = '';
  while (readSync(0, one) === 1 && one[0] !== 10) line += one.toString('latin1');
  return line;
}

if (isMainThread) {
  const { secret } = JSON.parse(readFirstLine());
  const messages = createMessages(secret);
  const { port1, port2 } = new MessageChannel();
  /** 0: answers come; 1: a cell runs; 2: it waits for an answer. */
  const wake = new Int32Array(new SharedArrayBuffer(12));
  const runner = new Runner(messages, port1, wake);
  runner.prepare();
  const worker = new Worker(new URL(import.meta.url), {
    workerData: { answers: port2, wake },
    transferList: [port2],
    stdin: false,
  });
  let last = Promise.resolve();
  worker.on('message', (message) => {
    if (message.kind === 'interrupt') void runner.take(message);
    else last = last.then(() => runner.take(message));
  });
  messages.say({ kind: 'ready' });
} else {
  listen(workerData);
}
