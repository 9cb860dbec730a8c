import type { SecondFactorUser } from '../../client/second-factor.ts';
import type { CommandContext } from '../context.ts';
import { wordInstant } from '../wording.ts';
import { type LoginOptions, readPassword } from './login.ts';

/** Prints what an app reads, and the recovery codes: they are never shown again. JSON: the same. */
export async function enrolTotp(
  context: CommandContext,
  options: Pick<LoginOptions, 'passwordStdin'>,
): Promise<undefined> {
  const { output, signal } = context;
  const password = await readPassword(context, options);
  const { secondFactor } = (await context.client()).directory;
  const enrolled = await secondFactor.enrol(password, signal);
  await output.result(enrolled, () => [
    enrolled.uri,
    '',
    'Recovery codes, each good once:',
    ...enrolled.recoveryCodes.map((code) => `  ${code}`),
  ]);
  await output.note('Nothing has changed yet: type a code into `orrery totp confirm CODE`.');
}

/** JSON: the user. */
export async function changeTotp(
  context: CommandContext,
  change: 'confirm' | 'remove',
  code: string,
): Promise<undefined> {
  const { secondFactor } = (await context.client()).directory;
  const user =
    change === 'confirm'
      ? await secondFactor.confirm(code, context.signal)
      : await secondFactor.remove(code, context.signal);
  await context.output.result(user, () => [wordUser(user)]);
}

/** JSON: the user. */
export async function resetTotp(context: CommandContext, user: string): Promise<undefined> {
  const { userIdOf } = await import('./directory.ts');
  const { secondFactor } = (await context.client()).directory;
  const reset = await secondFactor.reset(await userIdOf(context, user), context.signal);
  await context.output.result(reset, () => [wordUser(reset)]);
}

function wordUser({ email, totpActivatedAt, recoveryCodesLeft }: SecondFactorUser): string {
  if (totpActivatedAt === null) return `${email} signs in by password alone.`;
  const since = wordInstant(totpActivatedAt);
  return `${email} needs a code since ${since}; ${recoveryCodesLeft} recovery codes are left.`;
}
