import { readFileSync } from 'node:fs';
import { DeployFailure } from './failure.ts';

/** The account that PostgreSQL runs as. It refuses to run as root. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** Accounts of the system that own no files and that no person logs in as, best first. */
const candidates = ['postgres', 'nobody'];

/** Undefined for an ordinary user, who needs no other account. */
export function unprivilegedAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = parseAccounts(readFileSync('/etc/passwd', 'utf8'));
  for (const name of candidates) {
    const account = accounts.get(name);
    if (account !== undefined && account.uid !== 0) return account;
  }
  throw new DeployFailure(
    'deploy.part-missing',
    `PostgreSQL refuses to run as root, and this machine has no account named ${candidates.join(' or ')} to run it as: start Orrery as an ordinary user, or make such an account.`,
  );
}

export function parseAccounts(passwd: string): ReadonlyMap<string, Account> {
  const accounts = new Map<string, Account>();
  for (const line of passwd.split('\n')) {
    const [name = '', , uid = '', gid = ''] = line.split(':');
    if (/^\d+$/.test(uid) && /^\d+$/.test(gid))
      accounts.set(name, { uid: Number(uid), gid: Number(gid) });
  }
  return accounts;
}
