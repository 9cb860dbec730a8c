import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand } from './command.ts';

const APT_WITHIN_MS = 180_000;
const EXTRACT_WITHIN_MS = 60_000;
const KEYRINGS = '/usr/share/keyrings';

/** The suite in which each distribution keeps what is newest. */
const newestSuites: Readonly<Record<string, string>> = { debian: 'sid', ubuntu: 'devel' };

export interface Archive {
  /** As configured on this machine; no host is known to this program. */
  readonly uri: string;
  readonly suite: string;
  readonly distribution: string;
}

/** The distribution's own archives among the sources configured here; none where there is no apt. */
export async function findArchives(): Promise<readonly Archive[]> {
  const release = readRelease();
  const distribution = release.get('ID') ?? '';
  const suite = release.get('VERSION_CODENAME');
  if (newestSuites[distribution] === undefined || suite === undefined) return [];
  const listing = await runCommand(
    'apt-get',
    ['indextargets', '--format', '$(REPO_URI)\t$(RELEASE)\t$(COMPONENT)'],
    { withinMs: APT_WITHIN_MS },
  );
  if (listing.code !== 0) return [];
  const uris = listing.stdout
    .split('\n')
    .map((line) => line.split('\t'))
    .filter(([uri, of, component]) => uri !== '' && of === suite && component === 'main')
    .map(([uri]) => uri ?? '');
  return [...new Set(uris)].map((uri) => ({ uri, suite, distribution }));
}

/** The same archive at the suite with the newest packages. */
export function newest(archive: Archive): Archive {
  return { ...archive, suite: newestSuites[archive.distribution] ?? archive.suite };
}

/** apt's own tools over one archive with lists of its own: needs no root and changes no system file. */
export class PackageSource {
  readonly #directory: string;
  readonly #options: readonly string[];

  constructor(archive: Archive, directory: string) {
    this.#directory = directory;
    for (const name of ['lists/partial', 'cache/archives/partial', 'packages'])
      mkdirSync(join(directory, name), { recursive: true });
    const sources = join(directory, 'sources.list');
    const keyring = join(KEYRINGS, `${archive.distribution}-archive-keyring.gpg`);
    const trust = readable(keyring) ? `[signed-by=${keyring}] ` : '';
    writeFileSync(sources, `deb ${trust}${archive.uri} ${archive.suite} main\n`);
    writeFileSync(join(directory, 'status'), '');
    this.#options = [
      `Dir::Etc::sourcelist=${sources}`,
      'Dir::Etc::sourceparts=/dev/null',
      `Dir::State::Lists=${join(directory, 'lists')}`,
      `Dir::State::status=${join(directory, 'status')}`,
      `Dir::Cache=${join(directory, 'cache')}`,
      'Acquire::Languages=none',
      'Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false',
      'Debug::NoLocking=1',
      // The sandbox user could not read a list directory below a home of mode 0700.
      'APT::Sandbox::User=root',
    ].flatMap((option) => ['-o', option]);
  }

  /** Fetches the lists; false when the archive could not be reached or is not signed. */
  async update(): Promise<boolean> {
    const { code, stderr } = await this.#apt(['update', '--error-on=any']);
    return code === 0 && !/^E:/m.test(stderr);
  }

  /** Names of the packages with everything they depend on, as an empty system would need them. */
  async closure(names: readonly string[]): Promise<readonly string[]> {
    const { stdout } = await this.#apt([
      'install',
      '--print-uris',
      '--no-install-recommends',
      '--yes',
      '-qq',
      ...names,
    ]);
    return stdout
      .split('\n')
      .map((line) => /^'[^']*' ([^_ ]+)_/.exec(line)?.[1] ?? '')
      .filter((name) => name !== '');
  }

  /** Downloads packages and unpacks them, without running any script of theirs, into `root`. */
  async extract(names: readonly string[], root: string): Promise<boolean> {
    const packages = join(this.#directory, 'packages');
    const { code } = await this.#apt(['download', '-qq', ...names], packages);
    if (code !== 0) return false;
    for (const file of readdirSync(packages).filter((name) => name.endsWith('.deb'))) {
      const unpacked = await runCommand('dpkg', ['-x', join(packages, file), root], {
        withinMs: EXTRACT_WITHIN_MS,
      });
      if (unpacked.code !== 0) return false;
    }
    return true;
  }

  #apt(args: readonly string[], cwd = this.#directory) {
    return runCommand('apt-get', [...this.#options, ...args], {
      cwd,
      env: { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' },
      withinMs: APT_WITHIN_MS,
    });
  }
}

function readRelease(): ReadonlyMap<string, string> {
  if (!readable('/etc/os-release')) return new Map();
  const pairs = readFileSync('/etc/os-release', 'utf8')
    .split('\n')
    .map((line) => /^([A-Z_]+)="?([^"]*)"?$/.exec(line))
    .filter((match) => match !== null)
    .map((match): [string, string] => [match[1] ?? '', match[2] ?? '']);
  return new Map(pairs);
}

function readable(path: string): boolean {
  try {
    readFileSync(path);
    return true;
  } catch {
    return false;
  }
}
