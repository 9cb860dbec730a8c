import type { KernelSpec } from '@orrery/bus';
import type { DeviceGrant } from '../compute/kernel-devices.ts';
import { kernelEnviron } from '../kernel-environ.ts';
import { clusterEnviron } from '../networks/cluster-environ.ts';
import { writePeers } from '../networks/cluster-ssh.ts';
import { type Mount, resourceText } from '../resource-text.ts';
import { copyRunner } from '../runs/runner-files.ts';
import type { Scratch } from '../scratch.ts';
import { writeShellFiles } from '../shell-files.ts';
import { containerMounts, insideContainer } from './container-options.ts';

export interface KernelSurroundings {
  readonly environ: Readonly<Record<string, string>>;
  readonly mounts: readonly Mount[];
}

/** Writes what a kernel's programs are told of themselves, and tells what the container needs for it. */
export async function writeSurroundings(
  spec: KernelSpec,
  parts: {
    readonly scratch: Scratch;
    readonly scratchRoot: string;
    readonly grant: DeviceGrant | undefined;
    readonly imageLabels: Readonly<Record<string, string>> | undefined;
    readonly user: string | undefined;
    readonly hostMounts: readonly Mount[] | undefined;
    readonly gatewaySubnet: string | undefined;
  },
): Promise<KernelSurroundings> {
  const { scratch, scratchRoot, grant, imageLabels, user, hostMounts, gatewaySubnet } = parts;
  const paths = await scratch.make(spec);
  const mounts = containerMounts(paths, await copyRunner(scratchRoot), { grant, hostMounts });
  const environ = kernelEnviron(spec, insideContainer, {
    grant,
    imageLabels,
    user,
    network: clusterEnviron(spec, gatewaySubnet),
  });
  const resources = resourceText(spec, grant, mounts);
  await Promise.all([
    scratch.describe(spec.kernel, { environ, resources }),
    writeShellFiles(paths.work, spec),
  ]);
  if (spec.network !== undefined)
    await writePeers(paths.work, spec.peers ?? [], `${insideContainer.config}/ssh/id_cluster`);
  return { environ, mounts };
}
