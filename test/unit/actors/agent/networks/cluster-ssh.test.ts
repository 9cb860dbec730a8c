import { createPublicKey } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { clusterEnviron } from '../../../../../actors/agent/networks/cluster-environ.ts';
import { clusterKey, writePeers } from '../../../../../actors/agent/networks/cluster-ssh.ts';
import { ownAddress } from '../../../../../actors/agent/networks/own-address.ts';
import { makeScratch } from '../../../../environment/scratch.ts';

const scratch = makeScratch('cluster ssh');
const ssh = suite('agent: what the kernels of a session need to reach each other');

ssh(
  'a kernel has a key pair of its own, made once, whose public half is that of the private',
  async () => {
    const told = await clusterKey(scratch.path);
    assert.is(await clusterKey(scratch.path), told);
    const path = join(scratch.path, 'ssh', 'id_cluster');
    assert.is(statSync(path).mode & 0o777, 0o600);
    const [type, wire = '', comment] = told.split(' ');
    assert.equal([type, comment], ['ssh-rsa', 'work@cluster.orrery']);
    const fields = fieldsOf(Buffer.from(wire, 'base64'));
    const { e = '', n = '' } = createPublicKey(readFileSync(path)).export({ format: 'jwk' });
    assert.is(fields[0]?.toString(), 'ssh-rsa');
    assert.is(withoutZeros(fields[1]).toString('base64url'), e);
    assert.is(withoutZeros(fields[2]).toString('base64url'), n);
    assert.is(readFileSync(`${path}.pub`, 'utf8'), `${told}\n`);
  },
);

ssh('every peer is let in and can be called by its name', async () => {
  const home = join(scratch.path, 'work');
  const peers = [
    { hostname: 'main1', sshPublicKey: 'ssh-rsa A' },
    { hostname: 'sub1', sshPublicKey: 'ssh-rsa B', address: '192.0.2.2' },
  ];
  await writePeers(home, peers, '/config/ssh/id_cluster');
  const path = join(home, '.ssh', 'authorized_keys');
  assert.is(readFileSync(path, 'utf8'), 'ssh-rsa A\nssh-rsa B\n');
  assert.is(statSync(path).mode & 0o777, 0o600);
  const config = readFileSync(join(home, '.ssh', 'config'), 'utf8');
  assert.match(config, /Host main1\n {2}Port 2200\n/);
  assert.match(config, /Host sub1\n {2}HostName 192\.0\.2\.2\n {2}Port 2200\n/);
});

ssh('MPI keeps off the bridge by which an overlay leaves its machine', () => {
  const network = { driver: 'overlay', name: 'n' } as const;
  const name = 'OMPI_MCA_btl_tcp_if_exclude';
  assert.is(clusterEnviron({ network }, '172.18.0.0/16')[name], '127.0.0.1/32,172.18.0.0/16');
  assert.equal(clusterEnviron({ network: { driver: 'host' } }, undefined), {});
});

ssh('the address of a machine is that of a card of its own, not of a bridge', () => {
  const card = (address: string, internal = false) => ({
    ...{ address, internal, netmask: '', mac: '', cidr: null },
    family: address.includes(':') ? ('IPv6' as const) : ('IPv4' as const),
    ...(address.includes(':') ? { scopeid: 0 } : {}),
  });
  const cards = {
    lo: [card('127.0.0.1', true)],
    docker0: [card('172.17.0.1')],
    eth0: [card('fe80::1'), card('192.0.2.5')],
  };
  assert.is(ownAddress(cards as never), '192.0.2.5');
  assert.is(ownAddress({ lo: cards.lo } as never), undefined);
});

ssh.after(() => scratch.remove());
ssh.run();

function fieldsOf(wire: Buffer): readonly Buffer[] {
  const fields: Buffer[] = [];
  for (let at = 0; at < wire.length; ) {
    const length = wire.readUInt32BE(at);
    fields.push(wire.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
  return fields;
}

function withoutZeros(bytes: Buffer = Buffer.alloc(0)): Buffer {
  return bytes[0] === 0 ? bytes.subarray(1) : bytes;
}
