import { accessSync, constants } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';
import { runCommand } from '../../deploy/embedded/command.ts';
import { makeScratch } from './scratch.ts';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];
const INSTALL_WITHIN_MS = 240_000;
/** It looks for nothing outside this machine. */
const FLAGS = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
];

/** A real Chromium without a window, from the packages of this machine where it is missing. The caller closes it. */
export async function startBrowser(): Promise<Browser> {
  const executablePath = findChromium() ?? (await installChromium());
  const scratch = makeScratch('browser');
  const browser = await chromium.launch({
    executablePath,
    // Root may not be confined by it.
    chromiumSandbox: process.getuid?.() !== 0,
    args: FLAGS,
    env: { ...process.env, HOME: scratch.path } as Record<string, string>,
  });
  browser.once('disconnected', () => scratch.remove());
  return browser;
}

function findChromium(): string | undefined {
  return PLACES.find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

async function installChromium(): Promise<string> {
  if (process.getuid?.() !== 0) throw new Error('there is no Chromium, and only root installs one');
  process.stderr.write('installing chromium with apt-get\n');
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const options = { env, withinMs: INSTALL_WITHIN_MS };
  await runCommand('apt-get', ['update', '-qq'], options);
  const args = ['install', '-y', '-qq', '--no-install-recommends', 'chromium'];
  const { stderr } = await runCommand('apt-get', args, options);
  const installed = findChromium();
  if (installed !== undefined) return installed;
  throw new Error(`chromium could not be installed with apt-get: ${stderr.slice(-500)}`);
}
