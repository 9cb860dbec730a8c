import { hash, randomFillSync } from 'node:crypto';

const RANDOM_BYTES = 10;
/** Filled for many ids at once: a call for each costs more than all the rest of it. */
const randomPool = Buffer.alloc(RANDOM_BYTES * 512);
let randomUsed = randomPool.length;

function takeRandom(): Uint8Array {
  if (randomUsed === randomPool.length) {
    randomFillSync(randomPool);
    randomUsed = 0;
  }
  randomUsed += RANDOM_BYTES;
  return randomPool.subarray(randomUsed - RANDOM_BYTES, randomUsed);
}

/** A time-ordered UUID (version 7, RFC 9562) for `nowMs`, with 74 random bits. */
export function newId(nowMs: number, random: Uint8Array = takeRandom()): string {
  const bytes = new Uint8Array(16);
  for (let index = 0; index < 6; index++)
    bytes[index] = Math.floor(nowMs / 2 ** (8 * (5 - index))) & 0xff;
  bytes.set(random.subarray(0, 10), 6);
  return formatUuid(bytes, 7);
}

/** The same UUID (version 8, RFC 9562) for the same parts, for ever. */
export function derivedId(...parts: readonly string[]): string {
  return uuidOfDigest(hash('sha256', JSON.stringify(parts), 'hex'));
}

/** The same UUID (version 8) for the same text, for ever; not the one that `derivedId` makes of it. */
export function contentId(content: string): string {
  return uuidOfDigest(hash('sha256', content, 'hex'));
}

/** Version 8 and the variant stand in two of its digits. */
function uuidOfDigest(hex: string): string {
  const variant = ((Number.parseInt(hex.charAt(16), 16) & 0x3) | 0x8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}

function formatUuid(bytes: Uint8Array, version: number): string {
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | (version << 4);
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Buffer.from(bytes).toString('hex');
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-');
}
