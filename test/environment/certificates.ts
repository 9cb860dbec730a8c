import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const DAYS = '2';

export interface Certificates {
  /** PEM files of who signs, of a server on 127.0.0.1, and of a client. */
  readonly ca: string;
  readonly server: { readonly cert: string; readonly key: string };
  readonly client: { readonly cert: string; readonly key: string };
}

/** Made anew by openssl, in the directory. */
export function makeCertificates(directory: string): Certificates {
  const ca = join(directory, 'ca.pem');
  const caKey = join(directory, 'ca.key');
  openssl([
    'req',
    '-x509',
    ...newKey(caKey),
    '-out',
    ca,
    '-subj',
    '/CN=Orrery test',
    '-days',
    DAYS,
  ]);
  const make = (name: string, extensions: string): { cert: string; key: string } => {
    const [cert, key, request, extra] = ['pem', 'key', 'csr', 'ext'].map((ending) =>
      join(directory, `${name}.${ending}`),
    ) as [string, string, string, string];
    writeFileSync(extra, extensions);
    openssl(['req', ...newKey(key), '-out', request, '-subj', `/CN=${name}`]);
    const signer = ['-CA', ca, '-CAkey', caKey, '-CAcreateserial'];
    const place = ['-in', request, '-out', cert, '-extfile', extra, '-days', DAYS];
    openssl(['x509', '-req', ...signer, ...place]);
    return { cert, key };
  };
  return {
    ca,
    server: make('server', 'subjectAltName=IP:127.0.0.1,DNS:localhost\n'),
    client: make('client', 'extendedKeyUsage=clientAuth\n'),
  };
}

function newKey(path: string): readonly string[] {
  return ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', path];
}

function openssl(args: readonly string[]): void {
  execFileSync('openssl', args, { stdio: 'pipe' });
}
