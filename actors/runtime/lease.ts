import type { Clock, KeyValues } from '@orrery/bus';

/** Who holds a lease: a host, and which of the processes that bore its name one after the other. */
export interface Holder {
  readonly host: string;
  /** Later processes have higher ones. */
  readonly instance: string;
}

export interface LeaseTerms {
  readonly config: KeyValues;
  readonly clock: Clock;
  readonly holder: Holder;
  readonly leaseMs: number;
}

/** The right to do something alone until `validUntilMs`, by this process's clock. */
export interface Lease {
  readonly key: string;
  revision: number;
  validUntilMs: number;
}

/**
 * Takes a lease that is free, or one that an earlier process of this host's name has left: a name belongs
 * to the process that took it up last. Undefined when another one holds it.
 */
export async function takeLease(terms: LeaseTerms, key: string): Promise<Lease | undefined> {
  const { config, clock, holder, leaseMs } = terms;
  const value = formatHolder(holder);
  // From before the question: the server counts from when it hears it.
  let validUntilMs = clock.nowMs() + leaseMs;
  const created = await config.create(key, value, leaseMs);
  if (created !== undefined) return { key, revision: created, validUntilMs };
  const held = await config.get(key);
  if (held === undefined || !isPredecessor(parseHolder(held.value), holder)) return undefined;
  validUntilMs = clock.nowMs() + leaseMs;
  const revision = await config.update(key, value, held.revision, leaseMs);
  return revision === undefined ? undefined : { key, revision, validUntilMs };
}

/** False when it is lost. @throws {BusUnavailable} when that is not known; it lasts until its time is over. */
export async function renewLease(terms: LeaseTerms, lease: Lease): Promise<boolean> {
  const { config, clock, holder, leaseMs } = terms;
  const validUntilMs = clock.nowMs() + leaseMs;
  const value = formatHolder(holder);
  const revision = await config.update(lease.key, value, lease.revision, leaseMs);
  if (revision === undefined) return false;
  lease.revision = revision;
  lease.validUntilMs = validUntilMs;
  return true;
}

function formatHolder({ host, instance }: Holder): string {
  return `${host}/${instance}`;
}

export function parseHolder(value: string): Holder {
  const [host = '', instance = ''] = value.split('/');
  return { host, instance };
}

function isPredecessor(other: Holder, { host, instance }: Holder): boolean {
  return other.host === host && other.instance <= instance;
}
