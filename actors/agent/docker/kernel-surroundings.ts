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
import type { ImageTraits } from './image-store.ts';
import { giveToUser, kernelUser } from './kernel-user.ts';

export interface KernelSurroundings {
  readonly environ: Readonly<Record<string, string>>;
  readonly mounts: readonly Mount[];
  /** `uid:gid`; undefined: whoever its image says. */
  readonly user: string | undefined;
}

/** Writes what a kernel's programs are told of themselves, and tells what the container needs for it. */
export async function writeSurroundings(
  spec: KernelSpec,
  parts: {
    readonly scratch: Scratch;
    readonly scratchRoot: string;
    readonly grant: DeviceGrant | undefined;
    readonly image: ImageTraits | undefined;
    readonly users: Parameters<typeof kernelUser>[0];
    readonly hostMounts: readonly Mount[] | undefined;
    readonly gatewaySubnet: string | undefined;
  },
): Promise<KernelSurroundings> {
  const { scratch, scratchRoot, grant, image, users, hostMounts, gatewaySubnet } = parts;
  const user = kernelUser(users, image?.labels);
  const paths = await scratch.make(spec);
  const mounts = containerMounts(paths, await copyRunner(scratchRoot), { grant, hostMounts });
  const environ = kernelEnviron(spec, insideContainer, {
    grant,
    imageLabels: image?.labels,
    imagePath: image?.path,
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
  if (user !== undefined && user === users.mapped) await giveToUser(paths, user);
  return { environ, mounts, user };
}
