const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/**
 * Which of the hosts a duty belongs to: the one that weighs most for it. All who know the same hosts agree,
 * and a host that comes or goes moves no duty between the others.
 */
export function ownerOf(duty: string, hosts: Iterable<string>): string | undefined {
  let owner: string | undefined;
  let most = -1;
  for (const host of hosts) {
    const weight = weightOf(duty, host);
    if (weight < most || (weight === most && owner !== undefined && host > owner)) continue;
    owner = host;
    most = weight;
  }
  return owner;
}

/** FNV-1a, then mixed: the names differ only in their last letters, and FNV barely moves the upper bits. */
function weightOf(duty: string, host: string): number {
  let hash = FNV_OFFSET;
  for (const character of `${duty} ${host}`)
    hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), FNV_PRIME);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
