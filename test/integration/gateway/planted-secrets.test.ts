import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { documents } from '../../../gateway/client/documents.ts';
import { sideBySide } from '../../bench/measure.ts';
import { startSystem } from '../../environment/system.ts';
import { answerOf, type Headers } from '../../unit/gateway/directory-calls.ts';
import { callsOf } from './cast.ts';

const LOG_LINES_MIN = 10_000;
const QUESTIONS_AT_ONCE = 50;

// Everything is said that can be said, and every span is kept.
const system = await startSystem(['--driver', 'simulated', '--simulated-nodes', '2'], {
  ORRERY_LOGGING_LEVEL: 'debug',
});
const calls = await callsOf(system);

/** Recognisable wherever it comes up again, whole. */
const plant = (what: string): string => `planted-${what}-${randomBytes(12).toString('hex')}`;

const secrets = new Map<string, string>();

function planted(what: string, secret: string = plant(what)): string {
  secrets.set(what, secret);
  return secret;
}

const email = 'ada@planted.test';
const SIGN_IN = `mutation ($email: String!, $password: String!) {
  signIn(email: $email, password: $password) { token rejection { code } }
}`;

interface Issued {
  readonly user?: { readonly id: string };
  readonly keypair: { readonly accessKey: string };
  readonly secretKey: string;
  readonly token: string;
}
const ask = (query: string, variables: object, headers?: Headers): Promise<Issued> =>
  answerOf<Issued>(calls, query, variables, headers);

/** Every secret that a person or the system makes, by every way on which one comes in or goes out. */
async function plantAll(): Promise<void> {
  const password = planted('first password');
  const input = { email, password };
  const { user, keypair, secretKey } = await ask(documents.createUser, { input });
  const id = user?.id ?? '';
  planted('secret key of a new user', secretKey);
  const own = {
    authorization: `Bearer ${planted('token', (await ask(SIGN_IN, { email, password }, {})).token)}`,
  };
  await ask(SIGN_IN, { email, password: planted('wrong password') }, {});
  await ask(documents.modifyUser, { id, input: { password: planted('second password') } });
  const more = await ask(documents.createKeypair, { input: { userId: id } });
  planted('secret key of a second key pair', more.secretKey);
  const { accessKey } = keypair;
  planted('rotated secret key', (await ask(documents.rotateKeypair, { accessKey }, own)).secretKey);
}

/** Requests that are wrong, each with a secret where one may stand. */
async function plantMistakes(): Promise<void> {
  const inline = planted('password inside a broken query');
  await calls.graphql(`mutation { signIn(email: "a", password: "${inline}") {`);
  await calls.graphql(`{ viewer(password: "${planted('argument that is none')}") { id } }`);
  const tooLong = planted('password that is too long').repeat(40);
  await calls.graphql(SIGN_IN, { email, password: tooLong }, {});
  await calls.graphql(SIGN_IN, { email: 7, password: planted('password beside a wrong type') }, {});
  await calls.graphql(SIGN_IN, { email, password: [planted('password in a list')] }, {});
  const extra = { email, password: 'x', pasword: planted('misspelt variable') };
  await calls.graphql(documents.createUser, { input: extra });
  const weak = { email: 'no address', password: planted('password of a refused user') };
  await calls.graphql(documents.createUser, { input: weak });
  for (const authorization of [
    `Bearer ${planted('forged token')}`,
    `Basic ${planted('header of another scheme')}`,
    `BackendAI signMethod=HMAC-SHA256, credential=${planted('access key that is none')}:00`,
  ])
    await calls.graphql('{ viewer { id } }', {}, { authorization });
  await fetch(`${system.endpoint}/exec?ticket=${planted('ticket that is none')}`);
}

/** Makes the gateway say much: a query that is wrong is a line in its log. */
async function talkMuch(): Promise<void> {
  await sideBySide(LOG_LINES_MIN, QUESTIONS_AT_ONCE, async () => {
    await calls.graphql('{ none }', {}, {});
  });
  assert.ok(logLines() >= LOG_LINES_MIN, `${logLines()} lines`);
}

function* filesIn(directory: string): Generator<string> {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) yield* filesIn(path);
    else if (entry.isFile()) yield path;
  }
}

function logLines(): number {
  const logs = [...filesIn(system.dataDirectory)].filter((path) => path.endsWith('.log'));
  return logs.reduce(
    (sum, path) => sum + readFileSync(path).toString('latin1').split('\n').length,
    0,
  );
}

/** What was planted and lies in a file of the installation: logs, the store of the bus, tables. */
function leaksInFiles(): readonly string[] {
  const leaks: string[] = [];
  for (const path of filesIn(system.dataDirectory)) {
    const bytes = readFileSync(path);
    for (const [what, secret] of secrets)
      if (bytes.includes(secret)) leaks.push(`the ${what} is in ${path}`);
  }
  return leaks;
}

/** Everything that lists users, keys and events, as the superadmin sees it. */
async function answers(): Promise<readonly string[]> {
  const lists = ['users', 'keypairs', 'auditLog', 'sessions'] as const;
  const texts = await Promise.all(
    lists.map(async (name) => {
      const { body } = await calls.graphql(documents[name], { first: 100 });
      assert.is(body.errors, undefined, name);
      return JSON.stringify(body);
    }),
  );
  const { body } = await calls.graphql(documents.auditLog, { entity: 'user', first: 100 });
  return [...texts, JSON.stringify(body)];
}

const scanning = suite('secrets: planted in every field');

scanning('are in no log, no event, no table and no answer', async () => {
  await plantAll();
  await plantMistakes();
  await talkMuch();
  assert.ok(secrets.size >= 18, `${secrets.size} were planted`);
  assert.equal(leaksInFiles(), []);
  const told = await answers();
  for (const [what, secret] of secrets)
    assert.not.ok(
      told.some((text) => text.includes(secret)),
      `the ${what} is told`,
    );
  assert.ok(told.some((text) => text.includes(email)));
});

scanning('would be found: the address beside them is in logs or tables', () => {
  const found = [...filesIn(system.dataDirectory)].some((path) =>
    readFileSync(path).includes(email),
  );
  assert.ok(found);
});

scanning.after(async () => {
  await system[Symbol.asyncDispose]();
});
scanning.run();
