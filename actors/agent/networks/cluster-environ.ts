import type { KernelSpec } from '@orrery/bus';

const LOOPBACK = '127.0.0.1/32';

/**
 * What programs must know of the network that they are in: an overlay's container has a second interface, by which it
 * leaves its machine, and MPI would take it for a way to the others.
 */
export function clusterEnviron(
  { network }: Pick<KernelSpec, 'network'>,
  gatewaySubnet: string | undefined,
): Readonly<Record<string, string>> {
  if (network?.driver !== 'overlay') return {};
  const excluded = gatewaySubnet === undefined ? [LOOPBACK] : [LOOPBACK, gatewaySubnet];
  return { OMPI_MCA_btl_tcp_if_exclude: excluded.join(',') };
}
