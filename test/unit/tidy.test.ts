import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  importFaults,
  impurityFaults,
  linkFaults,
  lockFaults,
  machineFaults,
  nameFaults,
  readmeFaults,
  suiteFaults,
} from './tidy/rules.ts';
import { findImports, readSourceTree, type SourceFile } from './tidy/source-tree.ts';

const tree = readSourceTree();
const file = (path: string, text: string): SourceFile => ({
  path,
  text,
  imports: findImports(text),
});

const tidy = suite('tidy: what the tree keeps to');

tidy('packages import each other only as the architecture says', () => {
  assert.equal(
    tree.sources.flatMap((source) => importFaults(source, tree.entries)),
    [],
  );
});

tidy('every suite that is declared is run', () => {
  const tests = tree.sources.filter(({ path }) => path.startsWith('test/'));
  assert.ok(tests.length > 0);
  assert.equal(tests.flatMap(suiteFaults), []);
});

tidy('no file or folder has a name that says nothing', () => {
  assert.equal(nameFaults(tree.paths), []);
});

tidy('only the clocks read time, and only the adapters are random', () => {
  assert.equal(tree.sources.flatMap(impurityFaults), []);
});

tidy('every package has a README of at most 40 lines', () => {
  assert.equal(readmeFaults(tree), []);
});

tidy('every link between documents leads somewhere', () => {
  assert.equal(
    tree.documents.flatMap((document) => linkFaults(document, tree.paths)),
    [],
  );
});

tidy("nothing names a path of somebody's machine", () => {
  assert.equal([...tree.sources, ...tree.documents].flatMap(machineFaults), []);
});

tidy('npm ci works on every platform: the lock lists the packages of all of them', () => {
  const lock = JSON.parse(
    readFileSync(join(import.meta.dirname, '../../package-lock.json'), 'utf8'),
  );
  assert.equal(lockFaults(lock.packages), []);
});

tidy.run();

const rules = suite('tidy: what the rules catch');

rules('an import that goes up, sideways or past the entry of a package is caught', () => {
  const entries = new Set(['@orrery/bus', '@orrery/native', '@orrery/projections']);
  const faults = (path: string, module: string): number =>
    importFaults(file(path, `import { x } from '${module}';`), entries).length;
  assert.is(faults('bus/a.ts', '@orrery/actors'), 1);
  assert.is(faults('actors/session/a.ts', '@orrery/projections'), 1);
  assert.is(faults('projections/a.ts', '@orrery/actors'), 1);
  assert.is(faults('gateway/a.ts', '@orrery/actors'), 1);
  assert.is(faults('deploy/a.ts', '@orrery/bus'), 1);
  assert.is(faults('gateway/a.ts', '@orrery/bus/ids.ts'), 1);
  assert.is(faults('gateway/graphql/a.ts', '../../bus/ids.ts'), 1);
  assert.is(faults('actors/session/a.ts', '../scheduler/fold.ts'), 1);
  assert.is(faults('actors/runtime/a.ts', '../session/machine.ts'), 1);
  assert.is(faults('actors/session/a.ts', '@orrery/native'), 1);
  assert.is(faults('actors/session/a.ts', '../runtime/host.ts'), 0);
  assert.is(faults('actors/control/main.ts', '../session/machine.ts'), 0);
  assert.is(faults('gateway/a.ts', '@orrery/projections'), 0);
});

rules('a suite that is never run is caught', () => {
  const [run, left] = ['const a = suite("a");\na.run();', 'const b = suite<X>("b");'];
  assert.is(suiteFaults(file('test/a.test.ts', `${run}\n${left}`)).length, 1);
});

rules('time, timers and chance in code are caught, in comments they are not', () => {
  const faults = (text: string): number => impurityFaults(file('bus/a.ts', text)).length;
  assert.is(faults('const t = Date.now();'), 1);
  assert.is(faults('const t = new Date();'), 1);
  assert.is(faults('setTimeout(f, 5)'), 1);
  assert.is(faults("import { setTimeout as sleep } from 'node:timers/promises';"), 1);
  assert.is(faults('Math.random()'), 1);
  assert.is(faults('// never Date.now()\n/* nor setTimeout() */ new Date(nowMs)'), 0);
});

rules('a dead link, an empty name and a path of a machine are caught', () => {
  const paths = ['bus/README.md', 'bus/ids.ts'];
  const links = 'see [a](ids.ts), [b](gone.md), [c](https://example.org) and [d](#here)';
  assert.is(linkFaults(file('bus/README.md', links), paths).length, 1);
  assert.is(nameFaults(['bus/utils.ts', 'bus/common', 'bus/ids.ts']).length, 2);
  assert.is(machineFaults(file('a.ts', "open('/home/somebody/x')")).length, 1);
});

rules.run();
