import { createHash } from 'node:crypto';
import { err, ok, type Rejection, type Result } from '@orrery/bus';

export interface PublicKey {
  readonly algorithm: string;
  /** Base64. */
  readonly publicKey: string;
  readonly fingerprint: string;
  readonly comment: string;
}

const TEXT_CHARACTERS_MAX = 16 * 1024;
const RSA_BITS_MIN = 2_048;
const RSA_BITS_MAX = 16_384;
const ED25519_BYTES = 32;
/** Bytes of a point that is not compressed. */
const POINT_BYTES: Readonly<Record<string, number>> = { nistp256: 65, nistp384: 97, nistp521: 133 };
const UNCOMPRESSED = 4;

/** A line as in `authorized_keys` or a file `.pub`; refused with the rule that it breaks. */
export function parsePublicKey(text: string): Result<PublicKey, Rejection> {
  const line = text.trim();
  if (line.includes('PRIVATE KEY'))
    return refused('this is a private key, which is for nobody else; give the file .pub beside it');
  if (line.length > TEXT_CHARACTERS_MAX || /[\r\n\0]/.test(line))
    return refused('a public key is one line, as in a file .pub');
  const [algorithm = '', publicKey = '', ...rest] = line.split(/[ \t]+/);
  const blob = Buffer.from(publicKey, 'base64');
  if (publicKey === '' || blob.toString('base64') !== publicKey)
    return refused('a public key is "ssh-ed25519 AAAA… comment", as in a file .pub');
  const fault = faultOf(algorithm, new Fields(blob));
  if (fault !== undefined) return refused(fault);
  return ok({ algorithm, publicKey, fingerprint: fingerprintOf(blob), comment: rest.join(' ') });
}

/** As `ssh-keygen -l` shows it. */
export function fingerprintOf(blob: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

function faultOf(algorithm: string, fields: Fields): string | undefined {
  if (fields.text() !== algorithm) return `the key is not what its first word says`;
  switch (algorithm) {
    case 'ssh-ed25519':
      return fields.next()?.length === ED25519_BYTES && fields.isOver ? undefined : BROKEN;
    case 'ssh-rsa':
      return rsaFault(fields);
    case 'ecdsa-sha2-nistp256':
    case 'ecdsa-sha2-nistp384':
    case 'ecdsa-sha2-nistp521': {
      const curve = fields.text();
      const point = fields.next();
      const isWhole = algorithm.endsWith(`-${curve}`) && fields.isOver;
      const isPoint = point?.length === POINT_BYTES[curve] && point?.[0] === UNCOMPRESSED;
      return isWhole && isPoint ? undefined : BROKEN;
    }
    default:
      return `keys of the kind ${JSON.stringify(algorithm.slice(0, 64))} are not taken; ssh-ed25519, ecdsa-sha2-nistp256, -nistp384, -nistp521 and ssh-rsa are`;
  }
}

function rsaFault(fields: Fields): string | undefined {
  const exponent = fields.next();
  const modulus = fields.next();
  if (exponent === undefined || modulus === undefined || !fields.isOver) return BROKEN;
  const bits = bitsOf(modulus);
  if (bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX) return undefined;
  return `the RSA key has ${bits} bits; at least ${RSA_BITS_MIN} and at most ${RSA_BITS_MAX} are taken`;
}

function bitsOf(number: Buffer): number {
  const first = number.findIndex((byte) => byte !== 0);
  if (first < 0) return 0;
  return (number.length - first) * 8 - Math.clz32(number[first] ?? 0) + 24;
}

const BROKEN = 'the key is broken: its parts are not those of its kind';

function refused(message: string): Result<never, Rejection> {
  return err({ code: 'ssh-key-invalid', message, field: 'publicKey' });
}

/** Strings of bytes with their lengths before them, as SSH writes them. */
class Fields {
  #rest: Buffer;

  constructor(blob: Buffer) {
    this.#rest = blob;
  }

  get isOver(): boolean {
    return this.#rest.length === 0;
  }

  next(): Buffer | undefined {
    if (this.#rest.length < 4) return undefined;
    const end = 4 + this.#rest.readUInt32BE(0);
    if (end > this.#rest.length) return undefined;
    const field = this.#rest.subarray(4, end);
    this.#rest = this.#rest.subarray(end);
    return field;
  }

  text(): string {
    return this.next()?.toString('latin1') ?? '';
  }
}
