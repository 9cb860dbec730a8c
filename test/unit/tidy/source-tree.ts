import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
const skipped = new Set(['node_modules', '.git', '.cache', '.orrery', 'dist', 'build', 'coverage']);

export interface SourceFile {
  /** From the repository's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly string[];
}

export interface SourceTree {
  /** Every file and folder that belongs to the repository. */
  readonly paths: readonly string[];
  /** The files written in TypeScript or JavaScript. */
  readonly sources: readonly SourceFile[];
  readonly documents: readonly SourceFile[];
  /** What packages let others import: `@orrery/bus`, `@orrery/bus/clock`, … */
  readonly entries: ReadonlySet<string>;
}

export function readSourceTree(): SourceTree {
  const paths = walk(root);
  const read = (path: string): SourceFile => {
    const text = readFileSync(join(root, path), 'utf8');
    return { path, text, imports: findImports(text) };
  };
  return {
    paths,
    sources: paths.filter((path) => /\.(ts|tsx|mjs|js)$/.test(path)).map(read),
    documents: paths.filter((path) => path.endsWith('.md')).map(read),
    entries: new Set(
      paths.filter((path) => /^[^/]+\/package\.json$/.test(path)).flatMap(entriesOf),
    ),
  };
}

function entriesOf(path: string): readonly string[] {
  const { name, exports }: { readonly name: string; readonly exports?: unknown } = JSON.parse(
    readFileSync(join(root, path), 'utf8'),
  );
  if (typeof exports !== 'object' || exports === null) return [name];
  return Object.keys(exports).map((key) => name + key.slice(1));
}

/** Module names of static and dynamic imports and of re-exports. */
export function findImports(text: string): readonly string[] {
  const pattern = /\b(?:from|import)\s*\(?\s*(['"])([^'"\n]+)\1/g;
  return [...text.matchAll(pattern)].map((match) => match[2] ?? '');
}

function walk(directory: string): readonly string[] {
  return readdirSync(directory, { withFileTypes: true })
    .filter(({ name }) => !skipped.has(name))
    .flatMap((entry) => {
      const path = join(directory, entry.name);
      const own = relative(root, path);
      return entry.isDirectory() ? [own, ...walk(path)] : [own];
    });
}
