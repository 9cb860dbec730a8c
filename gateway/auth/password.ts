import { argon2, randomBytes, timingSafeEqual } from 'node:crypto';

/** OWASP's smallest recommended cost of argon2id. */
const COST = { memoryKibibytes: 19_456, passes: 2, parallelism: 1 } as const;
const SALT_BYTES = 16;
const HASH_BYTES = 32;
/** Longer ones are refused before they cost anything. */
export const PASSWORD_CHARACTERS_MAX = 256;

interface Cost {
  readonly memoryKibibytes: number;
  readonly passes: number;
  readonly parallelism: number;
}

/** A PHC string: `$argon2id$v=19$m=…,t=…,p=…$salt$hash`. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_BYTES);
  const hash = await derive(password, { salt, cost: COST, hashBytes: HASH_BYTES });
  const { memoryKibibytes, passes, parallelism } = COST;
  return `$argon2id$v=19$m=${memoryKibibytes},t=${passes},p=${parallelism}$${encode(salt)}$${encode(hash)}`;
}

const PHC = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)$/;

/** False, too, for a stored text that is no argon2id PHC string. Compares in constant time. */
export async function verifyPassword(password: string, phc: string): Promise<boolean> {
  const [, memory, passes, parallelism, salt, hash] = PHC.exec(phc) ?? [];
  if (salt === undefined || hash === undefined) return false;
  const expected = Buffer.from(hash, 'base64');
  const actual = await derive(password, {
    salt: Buffer.from(salt, 'base64'),
    cost: {
      memoryKibibytes: Number(memory),
      passes: Number(passes),
      parallelism: Number(parallelism),
    },
    hashBytes: expected.length,
  });
  return timingSafeEqual(actual, expected);
}

function derive(
  password: string,
  options: { readonly salt: Buffer; readonly cost: Cost; readonly hashBytes: number },
): Promise<Buffer> {
  const { salt, cost, hashBytes } = options;
  return new Promise((resolve, reject) => {
    argon2(
      'argon2id',
      {
        message: password.normalize('NFKC'),
        nonce: salt,
        memory: cost.memoryKibibytes,
        passes: cost.passes,
        parallelism: cost.parallelism,
        tagLength: hashBytes,
      },
      (error, derived) => (error === null ? resolve(derived) : reject(error)),
    );
  });
}

/** PHC strings carry base64 without padding. */
function encode(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}
