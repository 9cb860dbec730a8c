import { readFileSync } from 'node:fs';
import { parseByteSize, SettingsInvalid } from '@orrery/bus';
import { parse } from 'smol-toml';
import { z } from 'zod';

const Format = z.strictObject({
  human_readable_name: z.string(),
  description: z.string(),
  display_unit: z.string(),
  display_icon: z.string(),
  number_format: z.strictObject({ binary: z.boolean(), round_length: z.int().min(0) }),
});

const Device = z.strictObject({
  mother_uuid: z.string().min(1),
  model_name: z.string().min(1),
  numa_node: z.int().min(0),
  subproc_count: z.int().min(1),
  memory_size: z
    .union([z.string(), z.int().min(0).transform(String)])
    .refine((text) => parseByteSize(text) !== undefined, 'a size is written as 24G'),
  is_mig_device: z.boolean().optional(),
});

/** The configuration of Backend.AI's mock accelerator. */
export const MockFile = z.strictObject({
  /** Names the slots: `<slot_name>.device` or `.shares`. */
  slot_name: z.string().regex(/^[a-z][a-z0-9]*$/, 'a slot_name is lower-case letters and digits'),
  device_plugin_name: z.enum(['CUDADevice', 'MockDevice']),
  devices: z.array(Device),
  attributes: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])).default({}),
  formats: z.strictObject({ device: Format, shares: Format, '*-mig': Format }).partial(),
});
export type MockFile = Readonly<z.infer<typeof MockFile>>;

/** @throws {SettingsInvalid} naming the file, the key and the rule. */
export function readMockFile(path: string): MockFile {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new SettingsInvalid(`the mock accelerator file ${path} cannot be read`, { cause });
  }
  return parseMockFile(text, path);
}

/** @throws {SettingsInvalid} */
export function parseMockFile(text: string, path: string): MockFile {
  let values: unknown;
  try {
    values = parse(text);
  } catch (cause) {
    const why = `the mock accelerator file ${path} is not TOML: ${String(cause)}`;
    throw new SettingsInvalid(why, { cause });
  }
  const parsed = MockFile.safeParse(values);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const key = issue?.path.join('.') || '(top level)';
    throw new SettingsInvalid(
      `the mock accelerator file ${path} is wrong at ${key}: ${issue?.message}`,
    );
  }
  checkSlices(parsed.data, path);
  return parsed.data;
}

function checkSlices({ slot_name: slot, devices, formats }: MockFile, path: string): void {
  const wrong = (key: string, rule: string): never => {
    throw new SettingsInvalid(`the mock accelerator file ${path} is wrong at ${key}: ${rule}`);
  };
  for (const [place, device] of devices.entries()) {
    const { is_mig_device: isSlice, model_name: model } = device;
    const at = `devices.${place}`;
    if (slot === 'cuda' && isSlice === undefined)
      wrong(`${at}.is_mig_device`, 'of a cuda device it must be said');
    if (isSlice === true && !/^MIG-\S+$/.test(model))
      wrong(`${at}.model_name`, 'of a MIG slice it is MIG-<profile>');
    if (isSlice === true && formats['*-mig'] === undefined)
      wrong('formats.*-mig', 'it must be there for MIG slices');
    const isTwice = devices.some(
      (other, earlier) =>
        earlier < place &&
        isSlice !== true &&
        other.is_mig_device !== true &&
        other.mother_uuid === device.mother_uuid,
    );
    if (isTwice) wrong(`${at}.mother_uuid`, 'each device has its own');
  }
}
