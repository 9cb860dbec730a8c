import type { NetworkInterfaceInfo } from 'node:os';

/** Bridges and virtual cards of engines: an address there is known to this machine only. */
const VIRTUAL = /^(docker|br-|veth|virbr|cni|flannel|cali|orrery)/;

/** The address by which other machines reach this one, as far as its network cards tell; IPv4 goes first. */
export function ownAddress(
  interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>,
): string | undefined {
  const addresses = Object.entries(interfaces)
    .filter(([name]) => !VIRTUAL.test(name))
    .flatMap(([, cards = []]) => cards)
    .filter(({ internal, address }) => !internal && !address.startsWith('fe80:'));
  return (addresses.find(({ family }) => family === 'IPv4') ?? addresses[0])?.address;
}
