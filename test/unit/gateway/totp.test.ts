import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { systemClock } from '@orrery/bus';
import { Secret, TOTP } from 'otpauth';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { deriveKeys } from '../../../gateway/auth/master-key.ts';
import { seal } from '../../../gateway/auth/secret-box.ts';
import { readCode } from '../../../gateway/auth/totp.ts';
import { runCli } from '../../../gateway/cli/cli.ts';
import { documents } from '../../../gateway/client/documents.ts';
import { orrery } from '../cli/command-line.ts';
import { answerOf, type Headers, makeUser, type NewUser, PASSWORD } from './directory-calls.ts';
import { startGateway } from './gateway-fixture.ts';

const STEP_MS = 30_000;

const fixture = await startGateway();
const endpoint = await fixture.listen();
let people = 0;

interface Refusable {
  readonly token?: string | null;
  readonly secret: string;
  readonly uri: string;
  readonly recoveryCodes: readonly string[];
  readonly user: { readonly totpActivatedAt: string | null; readonly recoveryCodesLeft: number };
  readonly rejection: { readonly code: string; readonly field: string | null } | null;
}

async function ask(
  name: 'signIn' | 'enrolTotp' | 'confirmTotp' | 'removeTotp' | 'resetTotp',
  variables: object,
  headers?: Headers,
): Promise<Refusable> {
  return await answerOf<Refusable>(fixture, documents[name], variables, headers);
}

/** The code of now, or of so many steps later: the next one is taken already. */
function codeOf(secret: string, later = 0): string {
  const timestamp = systemClock.nowMs() + later * STEP_MS;
  return new TOTP({ secret: Secret.fromBase32(secret) }).generate({ timestamp });
}

async function newPerson(): Promise<NewUser> {
  people += 1;
  return await makeUser(fixture, { email: `person-${people}@example.test` });
}

async function enrolledPerson(): Promise<NewUser & Pick<Refusable, 'secret' | 'recoveryCodes'>> {
  const person = await newPerson();
  const { secret, recoveryCodes } = await ask('enrolTotp', { password: PASSWORD }, person.headers);
  const confirmed = await ask('confirmTotp', { code: codeOf(secret) }, person.headers);
  assert.is(confirmed.rejection, null);
  return { ...person, secret, recoveryCodes };
}

const signIn = (person: NewUser, otp?: string, password = PASSWORD): Promise<Refusable> =>
  ask('signIn', { email: person.email, password, otp }, {});
const codeOfRefusal = async (answer: Promise<Refusable>): Promise<string | undefined> =>
  (await answer).rejection?.code;

const totp = suite('gateway: codes besides the password');

totp('the codes are those of the standard', () => {
  const keys = deriveKeys(Buffer.alloc(32, 7).toString('base64'));
  const secret = Secret.fromUTF8('12345678901234567890').base32;
  const userId = 'u';
  const sealedSecret = seal(secret, `totp ${userId}`, keys.secretSealing);
  // RFC 6238, appendix B, SHA-1, the last six digits.
  for (const [seconds, code] of [
    [59, '287082'],
    [1_111_111_109, '081804'],
    [1_234_567_890, '005924'],
    [20_000_000_000, '353130'],
  ] as const) {
    const step = Math.floor(seconds / 30);
    const at = (nowMs: number) => readCode(code, { userId, sealedSecret, nowMs }, keys);
    assert.equal(at(seconds * 1000), { type: 'use-totp', step });
    assert.equal(at(seconds * 1000 + STEP_MS), { type: 'use-totp', step });
    assert.is(at(seconds * 1000 + 3 * STEP_MS), undefined);
  }
});

totp('an enrolment asks for the password, and changes nothing before it is confirmed', async () => {
  const person = await newPerson();
  const { headers } = person;
  assert.is(
    await codeOfRefusal(ask('enrolTotp', { password: 'wrong' }, headers)),
    'credentials-wrong',
  );
  const { secret, uri, recoveryCodes } = await ask('enrolTotp', { password: PASSWORD }, headers);
  assert.match(uri, new RegExp(`^otpauth://totp/Orrery:.*secret=${secret}`));
  assert.is(new Set(recoveryCodes).size, 10);
  assert.is((await signIn(person)).rejection, null);
  const [recovery = ''] = recoveryCodes;
  for (const code of ['000000', 'nonsense', recovery])
    assert.is(await codeOfRefusal(ask('confirmTotp', { code }, headers)), 'totp-wrong');
  const { user } = await ask('confirmTotp', { code: codeOf(secret) }, headers);
  assert.ok(user.totpActivatedAt);
  assert.is(user.recoveryCodesLeft, 10);
  const again = ask('enrolTotp', { password: PASSWORD }, headers);
  assert.is(await codeOfRefusal(again), 'totp-active');
});

totp('sign-in says that a code is needed to who has the password, and to nobody else', async () => {
  const person = await enrolledPerson();
  const needed = await signIn(person);
  assert.equal(
    [needed.token, needed.rejection?.code, needed.rejection?.field],
    [null, 'totp-required', 'otp'],
  );
  assert.is(await codeOfRefusal(signIn(person, undefined, 'wrong')), 'credentials-wrong');
  const code = codeOf(person.secret, 1);
  assert.is(await codeOfRefusal(signIn(person, code, 'wrong')), 'credentials-wrong');
  assert.is(await codeOfRefusal(signIn(person, '12345')), 'totp-wrong');
  assert.ok((await signIn(person, code)).token);
});

totp('a code lets in once, also one at a time on two gateways', async () => {
  const person = await enrolledPerson();
  const other = await fixture.beside();
  const variables = { email: person.email, password: PASSWORD, otp: codeOf(person.secret, 1) };
  const answers = await Promise.all(
    [fixture, other].map((gateway) =>
      answerOf<Refusable>(gateway, documents.signIn, variables, {}),
    ),
  );
  assert.equal(answers.map(({ rejection }) => rejection?.code ?? 'in').toSorted(), [
    'in',
    'totp-used',
  ]);
  assert.is(await codeOfRefusal(signIn(person, codeOf(person.secret))), 'totp-used');
});

totp('a recovery code lets in once, however it is typed', async () => {
  const person = await enrolledPerson();
  const [first = '', second = ''] = person.recoveryCodes;
  assert.ok((await signIn(person, first.replaceAll('-', '').toUpperCase())).token);
  assert.is(await codeOfRefusal(signIn(person, first)), 'totp-wrong');
  assert.ok((await signIn(person, second)).token);
});

totp('asking without a code does not make wrong ones forgotten', async () => {
  const person = await enrolledPerson();
  const tried = [];
  for (let count = 0; count < 12; count += 1) {
    const { body } = await fixture.graphql(
      documents.signIn,
      { email: person.email, password: PASSWORD, otp: '000000' },
      {},
    );
    tried.push(body.errors?.[0]?.extensions['code'] ?? 'told');
    if (body.errors === undefined || body.errors === null) await signIn(person).catch(() => {});
  }
  assert.ok(tried.includes('SIGN_IN_BLOCKED'), tried.join(' '));
});

totp('is removed with a code of it, and reset by who administers all', async () => {
  const person = await enrolledPerson();
  const { headers } = person;
  assert.is(await codeOfRefusal(ask('removeTotp', { code: '000000' }, headers)), 'totp-wrong');
  const stranger = await newPerson();
  const { body } = await fixture.graphql(
    documents.resetTotp,
    { id: person.id },
    { ...stranger.headers },
  );
  assert.is(body.errors?.[0]?.extensions['code'], 'FORBIDDEN');
  const [recovery = ''] = person.recoveryCodes;
  const { user } = await ask('removeTotp', { code: recovery }, headers);
  assert.equal([user.totpActivatedAt, user.recoveryCodesLeft], [null, 0]);
  assert.ok((await signIn(person)).token);
  const another = await enrolledPerson();
  await ask('resetTotp', { id: another.id });
  assert.ok((await signIn(another)).token);
  const steps = [];
  for await (const { events, actor } of fixture.bus.log.read('user', another.id))
    for (const { type } of events)
      if (/totp/.test(type)) steps.push(`${type} ${actor.id === another.id}`);
  assert.equal(steps, [
    'user-totp-enrolled true',
    'user-totp-activated true',
    'user-totp-removed false',
  ]);
});

totp('nothing that is told or recorded holds the secret or a recovery code', async () => {
  const { id, secret, recoveryCodes, headers } = await enrolledPerson();
  const told = await fixture.graphql(documents.user, { id }, { ...headers });
  let recorded = JSON.stringify(told.body);
  for await (const commit of fixture.bus.log.read('user', id)) recorded += JSON.stringify(commit);
  for (const kept of [
    secret,
    ...recoveryCodes,
    ...recoveryCodes.map((code) => code.replaceAll('-', '')),
  ])
    assert.not.ok(recorded.includes(kept));
});

totp('the command line enrols, asks for the code when it is needed, and removes', async () => {
  const person = await newPerson();
  const directory = mkdtempSync(join(tmpdir(), 'orrery-totp-'));
  const path = join(directory, 'profile.json');
  const token = person.headers['authorization']?.replace('Bearer ', '');
  writeFileSync(path, JSON.stringify({ endpoint, token }), { mode: 0o600 });
  const env = { ORRERY_PROFILE: path };
  const enrolled = await orrery(['totp', 'enrol', '--password-stdin', '--json'], {
    env,
    stdin: PASSWORD,
  });
  const { secret, recoveryCodes } = JSON.parse(enrolled.stdout);
  const confirmed = await orrery(['totp', 'confirm', codeOf(secret)], { env });
  assert.match(confirmed.stdout, /needs a code since .*; 10 recovery codes are left/);
  const login = ['login', '--email', person.email, '--endpoint', endpoint];
  const refused = await orrery([...login, '--password-stdin'], { env, stdin: PASSWORD });
  assert.match(refused.stderr, /a code is needed as well.*\(totp-required, field otp\)/);
  const asked = await typed(login, [
    ['Password: ', `${PASSWORD}\r`],
    ['Code: ', `${codeOf(secret, 1)}\r`],
  ]);
  assert.is(asked.exitCode, 0, asked.stderr);
  assert.ok(asked.stdout.length > 20);
  const given = [...login, '--password-stdin', '--otp', recoveryCodes[0]];
  assert.is((await orrery(given, { env, stdin: PASSWORD })).exitCode, 0);
  const removed = await orrery(['totp', 'remove', recoveryCodes[1]], { env });
  assert.match(removed.stdout, /signs in by password alone/);
  rmSync(directory, { recursive: true });
});

/** A command line at a terminal, where each question is answered when it is asked. */
async function typed(
  argv: readonly string[],
  answers: readonly (readonly [question: string, answer: string])[],
): Promise<{ readonly exitCode: number; readonly stdout: string; readonly stderr: string }> {
  const stdin = Object.assign(new PassThrough(), { isTTY: true });
  const texts = { stdout: '', stderr: '' };
  const waiting = [...answers];
  const collect = (name: 'stdout' | 'stderr') =>
    new Writable({
      write(chunk, _, done) {
        texts[name] += String(chunk);
        const [question, answer] = waiting[0] ?? [];
        if (question !== undefined && texts.stderr.endsWith(question)) {
          waiting.shift();
          stdin.write(answer);
        }
        done();
      },
    });
  const exitCode = await runCli({
    argv,
    env: {},
    homeDirectory: '/nowhere',
    stdin,
    stdout: collect('stdout'),
    stderr: collect('stderr'),
    clock: systemClock,
    onInterrupt: () => {},
  });
  return { exitCode, ...texts };
}

totp.after(async () => {
  await fixture[Symbol.asyncDispose]();
});
totp.run();
