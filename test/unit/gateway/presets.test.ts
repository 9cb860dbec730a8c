import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startGateway } from './gateway-fixture.ts';
import { otherUser } from './session-calls.ts';

const fixture = await startGateway();
const { graphql, bus } = fixture;

const FIELDS =
  'resourcePreset { name resourceGroup slots sharedMemoryBytes } rejection { code field }';
const mutation = (name: string): string => {
  const type = `${name[0]?.toUpperCase()}${name.slice(1)}Input`;
  return `mutation ($input: ${type}!) { ${name}(input: $input) { ${FIELDS} } }`;
};

async function send(name: string, input: object) {
  const { body } = await graphql(mutation(name), { input });
  assert.is(body.errors, undefined, JSON.stringify(body.errors));
  return body.data?.[name] as {
    readonly resourcePreset: object | null;
    readonly rejection: { readonly code: string; readonly field: string } | null;
  };
}

async function names(): Promise<readonly string[]> {
  const { body } = await graphql('{ resourcePresets { name resourceGroup } }');
  const rows = body.data?.['resourcePresets'] as {
    readonly name: string;
    readonly resourceGroup: string | null;
  }[];
  return rows.map(({ name, resourceGroup }) => `${resourceGroup ?? '*'}/${name}`);
}

const slots = { cpu: '1', mem: '1g' };
const presets = suite('gateway: presets');

presets(
  'are created, listed, modified and deleted, and read as soon as it is answered',
  async () => {
    const small = { name: 'small', slots, sharedMemory: '64m' };
    assert.equal(await send('createResourcePreset', small), {
      resourcePreset: {
        name: 'small',
        resourceGroup: null,
        slots: { cpu: '1', mem: '1073741824' },
        sharedMemoryBytes: 64 * 1024 ** 2,
      },
      rejection: null,
    });
    assert.is((await send('createResourcePreset', small)).rejection, null);
    await send('createResourcePreset', { name: 'small', resourceGroup: 'gpu', slots });
    assert.equal(await names(), ['*/small', 'gpu/small']);
    const change = { name: 'small', slots: { cpu: '2', mem: '2g' }, sharedMemory: '0' };
    assert.equal((await send('modifyResourcePreset', change)).resourcePreset, {
      name: 'small',
      resourceGroup: null,
      slots: { cpu: '2', mem: '2147483648' },
      sharedMemoryBytes: null,
    });
    const gone = await send('deleteResourcePreset', { name: 'small', resourceGroup: 'gpu' });
    assert.is(gone.rejection, null);
    assert.equal(await names(), ['*/small']);
  },
);

presets('of a name that is taken by other resources is refused', async () => {
  await send('createResourcePreset', { name: 'taken', slots });
  const { rejection } = await send('createResourcePreset', {
    name: 'taken',
    slots: { ...slots, cpu: '3' },
  });
  assert.equal(rejection, { code: 'preset-exists', field: 'name' });
});

presets('that are not there are neither modified nor deleted', async () => {
  for (const name of ['modifyResourcePreset', 'deleteResourcePreset']) {
    const { rejection } = await send(name, { name: 'nobody' });
    assert.equal(rejection, { code: 'preset-unknown', field: 'name' });
  }
});

const wrong: readonly (readonly [object, string, string])[] = [
  [{ name: '' }, 'name-invalid', 'name'],
  [{ name: 'n'.repeat(65) }, 'name-invalid', 'name'],
  [{ name: 'größe' }, 'name-invalid', 'name'],
  [{ resourceGroup: 'a b' }, 'name-invalid', 'resourceGroup'],
  [{ slots: { ...slots, 'tpu.device': '1' } }, 'slot-unknown', 'slots.tpu.device'],
  [{ slots: { ...slots, ['x'.repeat(5_000)]: '1' } }, 'slot-unknown', `slots.${'x'.repeat(64)}`],
  [{ slots: { mem: '1g' } }, 'resources-invalid', 'slots.cpu'],
  [{ slots: { cpu: '0', mem: '1g' } }, 'resources-invalid', 'slots.cpu'],
  [{ slots: { cpu: '-1', mem: '1g' } }, 'resources-invalid', 'slots.cpu'],
  [{ slots: { cpu: 1, mem: '1g' } }, 'resources-invalid', 'slots.cpu'],
  [{ slots: { cpu: '9'.repeat(40), mem: '1g' } }, 'resources-invalid', 'slots.cpu'],
  [{ slots: { cpu: 'Infinity', mem: '1g' } }, 'resources-invalid', 'slots.cpu'],
  [{ slots: { cpu: '1' } }, 'resources-invalid', 'slots.mem'],
  [{ slots: { cpu: '1', mem: '0' } }, 'resources-invalid', 'slots.mem'],
  [{ slots: { cpu: '1', mem: '9e' } }, 'resources-invalid', 'slots.mem'],
  [{ slots: [] }, 'resources-invalid', 'slots'],
  [{ slots: 'cpu' }, 'resources-invalid', 'slots'],
  [{ sharedMemory: 'much' }, 'resources-invalid', 'sharedMemory'],
  [{ sharedMemory: '1g' }, 'preset-invalid', 'sharedMemory'],
];
for (const [parts, code, field] of wrong) {
  const shown = JSON.stringify(parts).slice(0, 60);
  presets(
    `${shown} is refused with ${code} of ${field.slice(0, 30)}, and nothing is written`,
    async () => {
      const before = await bus.log.lastSequence();
      const { rejection } = await send('createResourcePreset', { name: 'good', slots, ...parts });
      assert.equal(rejection, { code, field });
      assert.is(await bus.log.lastSequence(), before);
    },
  );
}

presets('are read by everybody and changed by superadmins only', async () => {
  const headers = await otherUser(fixture);
  const { status } = await graphql('{ resourcePresets { name } }', {}, headers);
  assert.is(status, 200);
  for (const name of ['createResourcePreset', 'modifyResourcePreset', 'deleteResourcePreset']) {
    const input = { name: 'mine', ...(name.startsWith('create') && { slots }) };
    const refused = await graphql(mutation(name), { input }, headers);
    assert.is(refused.status, 403, name);
    assert.is(refused.body.errors?.[0]?.extensions['code'], 'FORBIDDEN');
  }
});

presets.after(async () => {
  await fixture[Symbol.asyncDispose]();
});
presets.run();
