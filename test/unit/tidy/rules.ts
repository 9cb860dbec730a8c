import { dirname, join, normalize } from 'node:path';
import type { SourceFile, SourceTree } from './source-tree.ts';

/** Packages of ours that each package may import by name; the tests may import everything. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  bus: [],
  native: [],
  actors: ['bus', 'native'],
  projections: ['bus'],
  gateway: ['bus', 'projections'],
  deploy: [],
};

/** Folders of `actors` that are no entity: who runs actors, who acts for them, and the process. */
const noEntities = ['runtime', 'agent', 'control', 'runner', 'storage'];

const bannedNames = /^(utils?|helpers?|common|misc|types|services|src)(\.[a-z]+)?$/;
const README_LINES_MAX = 40;

/** The only files that touch clock and timers: the clocks, and what runs before anything is there. */
const clocks = [
  'bus/clock.ts',
  'bus/memory/simulated-clock.ts',
  'deploy/embedded/clock.ts',
  'deploy/bootstrap.mjs',
];

const impurities: readonly (readonly [string, RegExp])[] = [
  ['Date.now', /\bDate\.now\b/],
  ['new Date()', /\bnew Date\(\s*\)/],
  ['Math.random', /\bMath\.random\b/],
  [
    'a timer',
    /(?<![.\w])(setTimeout|setInterval|setImmediate)\s*\(|['"](node:)?timers(\/promises)?['"]/,
  ],
];

/** What `import` statements of one file break, as sentences. */
export function importFaults(
  { path, imports }: SourceFile,
  entries: ReadonlySet<string>,
): readonly string[] {
  const [own = '', folder = ''] = path.split('/');
  const allowed = mayImport[own];
  if (allowed === undefined) return [];
  return imports.flatMap((name) => {
    if (name.startsWith('.')) return relativeFaults(path, name);
    const other = /^@orrery\/([^/]+)/.exec(name)?.[1];
    if (other === undefined) return [];
    if (!allowed.includes(other)) return [`${path}: ${own} may not import ${name}`];
    if (!entries.has(name)) return [`${path}: ${name} is no entry of its package`];
    if (other === 'native' && folder !== 'agent')
      return [`${path}: only actors/agent may import ${name}`];
    return [];
  });
}

function relativeFaults(path: string, name: string): readonly string[] {
  const target = normalize(join(dirname(path), name));
  const [own, folder = ''] = path.split('/');
  const [other, otherFolder = ''] = target.split('/');
  if (own !== other) return [`${path}: ${name} leaves the package`];
  if (own !== 'actors' || !otherFolder || folder === otherFolder) return [];
  const isEntity = !noEntities.includes(folder) && !folder.endsWith('.ts');
  if (folder === 'runtime' && !otherFolder.endsWith('.ts'))
    return [`${path}: the runtime knows no entity, but imports ${name}`];
  if (isEntity && otherFolder !== 'runtime' && !otherFolder.endsWith('.ts'))
    return [`${path}: an entity imports ${name} of another one`];
  return [];
}

/** Suites that are declared but never run: uvu counts no test of them and passes. */
export function suiteFaults({ path, text }: SourceFile): readonly string[] {
  if (!path.endsWith('.test.ts') || path.startsWith('test/unit/tidy')) return [];
  return [...text.matchAll(/\bconst (\w+) = suite(?:<[^(]*>)?\(/g)]
    .map((match) => match[1] ?? '')
    .filter((name) => !new RegExp(`\\b${name}\\.run\\(\\)`).test(text))
    .map((name) => `${path}: the suite ${name} is never run`);
}

export function nameFaults(paths: readonly string[]): readonly string[] {
  return paths
    .filter((path) => bannedNames.test(path.split('/').at(-1) ?? ''))
    .map((path) => `${path}: the name says nothing`);
}

export function impurityFaults({ path, text }: SourceFile): readonly string[] {
  if (clocks.includes(path) || path.startsWith('test/')) return [];
  const code = text.replace(/\/\*[\s\S]*?\*\/|(^|\s)\/\/.*$/gm, '');
  return impurities
    .filter(([, pattern]) => pattern.test(code))
    .map(([what]) => `${path}: uses ${what}; take a Clock, or random numbers, as an argument`);
}

/** Each package has a README of at most 40 lines. */
export function readmeFaults({ documents, paths }: SourceTree): readonly string[] {
  const packages = paths
    .filter((path) => /^[^/]+\/package\.json$/.test(path))
    .map((path) => dirname(path));
  const missing = packages.filter((name) => !paths.includes(`${name}/README.md`));
  const long = documents.filter(
    ({ path, text }) =>
      path.includes('/') &&
      path.endsWith('/README.md') &&
      text.trimEnd().split('\n').length > README_LINES_MAX,
  );
  return [
    ...missing.map((name) => `${name}: has no README.md`),
    ...long.map(({ path }) => `${path}: is longer than ${README_LINES_MAX} lines`),
  ];
}

/** Links of a document to files that are not there. */
export function linkFaults(
  { path, text }: SourceFile,
  paths: readonly string[],
): readonly string[] {
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map((match) => match[1] ?? '');
  return links
    .filter((link) => !/^([a-z]+:|#)/.test(link))
    .map((link) => link.replace(/#.*$/, ''))
    .filter((link) => {
      const target = normalize(join(dirname(path), link)).replace(/\/$/, '');
      return target !== '.' && !paths.includes(target);
    })
    .map((link) => `${path}: the link to ${link} leads nowhere`);
}

/** Paths of somebody's machine, which mean nothing to a reader elsewhere. */
export function machineFaults({ path, text }: SourceFile): readonly string[] {
  if (path.startsWith('test/unit/tidy')) return [];
  const found = /(?<![\w.])\/(?:work|home\/\w+|Users)\/[\w./-]*/.exec(text);
  return found === null ? [] : [`${path}: names ${found[0]}`];
}

interface LockedPackage {
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** Packages that `npm ci` would miss: npm leaves out those of platforms that its registry lacks. */
export function lockFaults(packages: Readonly<Record<string, LockedPackage>>): readonly string[] {
  return Object.entries(packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies)
      .filter((name) => !packages[`node_modules/${name}`])
      .filter((name) => !packages[`${path}/node_modules/${name}`])
      .map((name) => `package-lock.json: has no entry for ${name} of ${path}`),
  );
}
