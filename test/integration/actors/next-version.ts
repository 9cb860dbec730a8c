import { cpSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const OWN = ['bus', 'actors', 'native'] as const;

/** Each text is there once, and what stands for it in the next version. */
const CHANGES: readonly { readonly file: string; readonly from: string; readonly to: string }[] = [
  {
    file: 'bus/contracts/image.ts',
    from: "z.object({ type: z.literal('image-registered'), reference: ImageReference }),",
    to: `z.object({ type: z.literal('image-registered'), reference: ImageReference, colour: z.string().optional() }),
  z.object({ type: z.literal('image-painted') }),`,
  },
  {
    file: 'actors/image/machine.ts',
    from: "'image-gone': { actions: 'remember' },",
    to: "'image-gone': { actions: 'remember' }, 'image-painted': { actions: 'remember' },",
  },
  {
    file: 'actors/image/decide.ts',
    from: "return isAbsent ? [{ type: 'image-registered', reference }] : [];",
    to: `return isAbsent
    ? [
        { type: 'image-registered', reference, colour: 'blue' } as ImageEvent,
        { type: 'image-painted' } as unknown as ImageEvent,
      ]
    : [];`,
  },
];

/** Writes the control program of a version after this one: images have a field more and an event more. */
export function makeNextVersion(directory: string): void {
  for (const name of OWN) cpSync(join(ROOT, name), join(directory, name), { recursive: true });
  cpSync(join(ROOT, 'package.json'), join(directory, 'package.json'));
  const modules = join(directory, 'node_modules');
  mkdirSync(join(modules, '@orrery'), { recursive: true });
  for (const name of readdirSync(join(ROOT, 'node_modules')))
    if (name !== '@orrery') symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
  for (const name of OWN) symlinkSync(join(directory, name), join(modules, '@orrery', name));
  for (const { file, from, to } of CHANGES) {
    const path = join(directory, file);
    const text = readFileSync(path, 'utf8');
    if (text.split(from).length !== 2) throw new Error(`${file} does not hold once: ${from}`);
    writeFileSync(path, text.replace(from, to));
  }
}
