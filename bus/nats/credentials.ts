import { type NodeConnectionOptions, nkeyAuthenticator, nkeys } from '@nats-io/transport-node';
import { SettingsInvalid } from '../errors.ts';
import type { Settings } from '../settings.ts';
import { readSettingFile, readTlsFiles } from '../tls-files.ts';

type Credentials = Pick<Settings['bus'], 'user' | 'password' | 'nkeySeedFile' | 'tls'>;

/**
 * How a connection says who it is, and to whom it says so.
 * @throws {SettingsInvalid} naming the file that cannot be read or is not what it should be.
 */
export function credentialOptions(settings: Credentials): NodeConnectionOptions {
  const { user, password, nkeySeedFile, tls } = settings;
  return {
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { pass: password }),
    ...(nkeySeedFile === undefined
      ? {}
      : { authenticator: nkeyAuthenticator(readSeed(nkeySeedFile)) }),
    ...(tls === undefined ? {} : { tls: readTlsFiles('bus.tls', tls) }),
  };
}

function readSeed(path: string): Uint8Array {
  const seed = Buffer.from(readSettingFile('bus.nkeySeedFile', path).trim());
  try {
    nkeys.fromSeed(seed);
  } catch (cause) {
    throw new SettingsInvalid(`the file ${path} of bus.nkeySeedFile holds no seed of an nkey`, {
      cause,
    });
  }
  return seed;
}
