import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KernelSpec } from '@orrery/bus';

const NOTICE = `Files here are gone when the session ends. Keep what you need in a mounted folder.
`;

/** What an interactive shell in a kernel looks like, unless the user has written files of that name. */
export async function writeShellFiles(
  home: string,
  { sessionName, hostname }: Pick<KernelSpec, 'sessionName' | 'hostname'>,
): Promise<void> {
  // The names hold nothing that a shell would read as anything but text.
  const bash = `PS1='\\u@${hostname}[${sessionName}]:\\w$ '\n`;
  const zsh = `PROMPT='%n@${hostname}[${sessionName}]:%~$ '\n`;
  const files = [
    ['.bashrc', bash],
    ['.bash_profile', '[ -r ~/.bashrc ] && . ~/.bashrc\n'],
    ['.zshrc', zsh],
    ['DO_NOT_STORE_PERSISTENT_FILES_HERE.md', NOTICE],
  ] as const;
  await Promise.all(files.map(([name, text]) => writeOnce(join(home, name), text)));
}

async function writeOnce(path: string, text: string): Promise<void> {
  try {
    await writeFile(path, text, { flag: 'wx' });
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'EEXIST')) throw cause;
  }
}
