import type { CommandContext, GlobalOptions } from '../context.ts';
import { UsageWrong } from '../errors.ts';
import type { TerminalInput } from '../io.ts';
import { readEndpoint, saveProfile } from '../profile.ts';
import { wordInstant } from '../wording.ts';

export interface LoginOptions extends GlobalOptions {
  readonly email: string;
  readonly endpoint?: string;
  readonly passwordStdin?: boolean;
  readonly otp?: string;
  readonly save?: string;
}

const PASSWORD_CHARACTERS_MAX = 1_024;
const ENTER = new Set(['\r', '\n', '\u0004']);
const ERASE = new Set(['\u007f', '\b']);
const INTERRUPT = '\u0003';

/** Prints the token, or says where it was saved. JSON: token, expiry and user. */
export async function login(context: CommandContext, options: LoginOptions): Promise<undefined> {
  const { io, output, signal } = context;
  const endpoint = options.endpoint ?? (await readEndpoint(context.profilePath));
  if (endpoint === undefined) {
    throw new UsageWrong('there is no profile to take the gateway from; name it by --endpoint URL');
  }
  const password = await readPassword(context, options);
  const client = await context.clientOf(endpoint, { anonymous: true });
  const { email, otp } = options;
  const credentials = { email, password, ...(otp === undefined ? {} : { otp }) };
  const signedIn = await client.signIn(credentials, signal).catch(async (error: unknown) => {
    if (!isCodeNeeded(error) || io.stdin.isTTY !== true) throw error;
    return await client.signIn({ ...credentials, otp: await ask(context, 'Code: ') }, signal);
  });
  const { token, expiresAt, user } = signedIn;
  if (options.save !== undefined) {
    await saveProfile(options.save, { endpoint: client.endpoint, token, expiresAt });
    await output.note(`Saved in ${options.save}; use it by --profile ${options.save}`);
  }
  await output.note(`Signed in as ${user.email} until ${wordInstant(expiresAt)}.`);
  await output.result(signedIn, () => (options.save === undefined ? [token] : []));
}

/** From standard input, or typed without being shown. @throws {UsageWrong} */
export async function readPassword(
  context: CommandContext,
  options: Pick<LoginOptions, 'passwordStdin'>,
): Promise<string> {
  const { stdin } = context.io;
  if (options.passwordStdin !== true && stdin.isTTY === true) return ask(context, 'Password: ');
  if (options.passwordStdin !== true) {
    throw new UsageWrong('there is no terminal to ask on; give the password by --password-stdin');
  }
  let text = '';
  for await (const chunk of stdin) {
    text += String(chunk);
    if (text.length > PASSWORD_CHARACTERS_MAX) break;
  }
  return checked(text.replace(/\r?\n$/, ''));
}

function isCodeNeeded(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'totp-required';
}

/** Asks without showing what is typed. */
async function ask({ io, signal }: CommandContext, question: string): Promise<string> {
  const { stdin, stderr } = io;
  stderr.write(question);
  stdin.setRawMode?.(true);
  stdin.setEncoding('utf8');
  try {
    return checked(await typedLine(stdin, signal));
  } finally {
    stdin.setRawMode?.(false);
    stdin.pause();
    stderr.write('\n');
  }
}

async function typedLine(stdin: TerminalInput, signal: AbortSignal): Promise<string> {
  const typed: string[] = [];
  // More may be asked.
  for await (const chunk of stdin.iterator({ destroyOnReturn: false })) {
    signal.throwIfAborted();
    for (const character of String(chunk)) {
      if (character === INTERRUPT) throw new UsageWrong('no password was given');
      if (ENTER.has(character)) return typed.join('');
      if (ERASE.has(character)) typed.pop();
      else if (typed.length <= PASSWORD_CHARACTERS_MAX) typed.push(character);
    }
  }
  return typed.join('');
}

function checked(password: string): string {
  if (password === '') throw new UsageWrong('the password is empty');
  if (password.length > PASSWORD_CHARACTERS_MAX) {
    throw new UsageWrong(`a password has at most ${PASSWORD_CHARACTERS_MAX} characters`);
  }
  return password;
}
