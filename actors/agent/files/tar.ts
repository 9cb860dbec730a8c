/** The part of tar that is needed: POSIX ustar with pax headers for names and sizes that do not fit. */

export const TAR_BLOCK_BYTES = 512;
const NAME_BYTES = 100;
const SIZE_MAX = 0o77777777777;
const CHECKSUM_AT = 148;
const CHECKSUM_BYTES = 8;

export interface TarEntry {
  readonly name: string;
  readonly kind: 'file' | 'directory' | 'link' | 'hard-link' | 'other';
  readonly sizeBytes: number;
  readonly mode: number;
  readonly modifiedAtMs: number;
  /** Of a link. */
  readonly target: string;
}

const KINDS = { file: '0', directory: '5', link: '2', 'hard-link': '1', other: '0' } as const;

/** Number of bytes that fill the last block of so many. */
export function paddingOf(bytes: number): number {
  return (TAR_BLOCK_BYTES - (bytes % TAR_BLOCK_BYTES)) % TAR_BLOCK_BYTES;
}

/** What goes before the content of an entry. */
export function tarHeader(entry: TarEntry): Buffer {
  const name = entry.kind === 'directory' ? `${entry.name}/` : entry.name;
  const pax: string[] = [];
  if (Buffer.byteLength(name) > NAME_BYTES || !isAscii(name)) pax.push(paxRecord('path', name));
  if (Buffer.byteLength(entry.target) > NAME_BYTES || !isAscii(entry.target))
    pax.push(paxRecord('linkpath', entry.target));
  if (entry.sizeBytes > SIZE_MAX) pax.push(paxRecord('size', String(entry.sizeBytes)));
  const own = block({ ...entry, name, type: KINDS[entry.kind] });
  if (pax.length === 0) return own;
  const text = Buffer.from(pax.join(''));
  const head = block({
    ...entry,
    name: 'PaxHeader',
    target: '',
    type: 'x',
    sizeBytes: text.length,
  });
  return Buffer.concat([head, text, Buffer.alloc(paddingOf(text.length)), own]);
}

/** Two empty blocks. */
export const TAR_END = Buffer.alloc(2 * TAR_BLOCK_BYTES);

export interface RawHeader {
  readonly name: string;
  readonly target: string;
  readonly type: string;
  readonly sizeBytes: number;
  readonly mode: number;
  readonly modifiedAtMs: number;
}

/** Undefined for an empty block; `invalid` when it is no header of a tar. */
export function parseTarHeader(bytes: Buffer): RawHeader | 'invalid' | undefined {
  if (bytes.every((byte) => byte === 0)) return undefined;
  const sum = bytes.reduce((total, byte, at) => total + (isInChecksum(at) ? 0x20 : byte), 0);
  const told = octal(bytes, CHECKSUM_AT, CHECKSUM_BYTES);
  const sizeBytes = octal(bytes, 124, 12);
  if (told !== sum || !Number.isSafeInteger(sizeBytes) || sizeBytes < 0) return 'invalid';
  const isPosix = text(bytes, 257, 5) === 'ustar';
  const prefix = isPosix ? text(bytes, 345, 155) : '';
  const name = text(bytes, 0, NAME_BYTES);
  return {
    name: prefix === '' ? name : `${prefix}/${name}`,
    target: text(bytes, 157, NAME_BYTES),
    type: String.fromCharCode(bytes[156] ?? 0),
    sizeBytes,
    mode: octal(bytes, 100, 8) & 0o777,
    modifiedAtMs: octal(bytes, 136, 12) * 1_000,
  };
}

/** Records of a pax header; those that cannot be read are left out. */
export function parsePax(bytes: Buffer): ReadonlyMap<string, string> {
  const records = new Map<string, string>();
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(0x20, at);
    const length = Number(bytes.subarray(at, space).toString('latin1'));
    if (space < 0 || !Number.isInteger(length) || length <= space - at) break;
    const record = bytes.subarray(space + 1, at + length - 1).toString('utf8');
    const equals = record.indexOf('=');
    if (equals > 0) records.set(record.slice(0, equals), record.slice(equals + 1));
    at += length;
  }
  return records;
}

/** Its length counts itself. */
function paxRecord(key: string, value: string): string {
  const rest = Buffer.byteLength(` ${key}=${value}\n`);
  let length = rest + String(rest).length;
  if (String(length).length > String(rest).length) length = rest + String(length).length;
  return `${length} ${key}=${value}\n`;
}

function block(entry: Omit<TarEntry, 'kind'> & { readonly type: string }): Buffer {
  const bytes = Buffer.alloc(TAR_BLOCK_BYTES);
  const put = (value: string, at: number, length: number): void => {
    bytes.set(Buffer.from(value).subarray(0, length), at);
  };
  const number = (value: number, digits: number): string =>
    Math.trunc(value).toString(8).padStart(digits, '0');
  put(entry.name, 0, NAME_BYTES);
  put(number(entry.mode & 0o7777, 7), 100, 8);
  put(number(0, 7), 108, 8);
  put(number(0, 7), 116, 8);
  put(number(entry.sizeBytes > SIZE_MAX ? 0 : entry.sizeBytes, 11), 124, 12);
  put(number(Math.max(0, entry.modifiedAtMs / 1_000), 11), 136, 12);
  put(entry.type, 156, 1);
  put(entry.target, 157, NAME_BYTES);
  put('ustar\u000000', 257, 8);
  const sum = bytes.reduce((total, byte, at) => total + (isInChecksum(at) ? 0x20 : byte), 0);
  put(`${number(sum, 6)}\0 `, CHECKSUM_AT, CHECKSUM_BYTES);
  return bytes;
}

function isInChecksum(at: number): boolean {
  return at >= CHECKSUM_AT && at < CHECKSUM_AT + CHECKSUM_BYTES;
}

function isAscii(value: string): boolean {
  return /^[\x20-\x7e]*$/.test(value);
}

function text(bytes: Buffer, at: number, length: number): string {
  const field = bytes.subarray(at, at + length);
  const end = field.indexOf(0);
  return field.subarray(0, end < 0 ? length : end).toString('utf8');
}

/** Or, with its first bit set, a binary number as GNU writes large sizes. */
function octal(bytes: Buffer, at: number, length: number): number {
  const first = bytes[at] ?? 0;
  if ((first & 0x80) !== 0) {
    let value = first & 0x7f;
    for (const byte of bytes.subarray(at + 1, at + length)) value = value * 256 + byte;
    return value;
  }
  const digits = text(bytes, at, length).trim();
  return digits === '' ? 0 : /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
}
