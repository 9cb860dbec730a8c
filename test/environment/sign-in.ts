import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from '../../gateway/client/client.ts';
import type { StartedSystem } from './system.ts';

/** A token of the administrator, by e-mail and password as on the sign-in page. */
export async function tokenOf({ dataDirectory, endpoint }: StartedSystem): Promise<string> {
  const { email, password } = JSON.parse(
    readFileSync(join(dataDirectory, 'administrator.json'), 'utf8'),
  );
  const client = connect({ endpoint, token: '' });
  const { token } = await client.signIn({ email, password });
  await client[Symbol.asyncDispose]();
  return token;
}
