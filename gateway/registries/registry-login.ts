import type { RegistryAccess } from '@orrery/bus';
import type { RegistryRow } from '@orrery/projections';
import { open, seal } from '../auth/secret-box.ts';

/** A password as it lies in the log: it opens for this registry only. */
export function sealPassword(password: string, registry: string, key: Uint8Array): string {
  return seal(password, labelOf(registry), key);
}

/** How a registry is reached, its password in clear: for the registry, and nobody else. @throws {SecretUnreadable} */
export function accessOf(
  { name, url, username, sealedPassword }: RegistryRow,
  key: Uint8Array,
): RegistryAccess {
  if (username === null || sealedPassword === null) return { url };
  return { url, username, password: open(sealedPassword, labelOf(name), key) };
}

function labelOf(registry: string): string {
  return `registry ${registry}`;
}
