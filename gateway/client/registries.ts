import type { GraphqlCaller } from './graphql.ts';
import type { DateTime, Image } from './model.ts';
import { accepted, given, shaped } from './payload.ts';

/** A registry may have many images, and each is looked at. */
const RESCAN_MS_MAX = 15 * 60_000;

/** A place that images come from; its password is never given back. */
export interface ContainerRegistry {
  readonly id: string;
  readonly name: string;
  readonly url: string;
  readonly project: string | null;
  readonly username: string | null;
  readonly hasPassword: boolean;
  readonly createdAt: DateTime;
}

/** What is left out stays as it is; an empty user name takes the login away, an empty project the limit. */
export interface ContainerRegistryInput {
  readonly name: string;
  readonly url?: string | undefined;
  readonly project?: string | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
}

export interface ImageRescan {
  readonly registry: string;
  readonly images: readonly string[];
  readonly skipped: readonly { readonly reference: string; readonly reason: string }[];
}

export interface ImageAlias {
  readonly alias: string;
  readonly target: string | null;
}

type RegistryPayload = { readonly containerRegistry: ContainerRegistry | null };

/** The images that sessions may name, and the registries that they come from, for those who may say so. */
export class Registries {
  readonly #graphql: GraphqlCaller;

  constructor(graphql: GraphqlCaller) {
    this.#graphql = graphql;
  }

  async alias(alias: string, target: string, signal?: AbortSignal): Promise<ImageAlias> {
    const call = { operation: 'aliasImage', variables: { alias, target }, signal } as const;
    return accepted<ImageAlias>(await this.#graphql.call(call));
  }

  async dealias(alias: string, signal?: AbortSignal): Promise<ImageAlias> {
    const call = { operation: 'dealiasImage', variables: { alias }, signal } as const;
    return accepted<ImageAlias>(await this.#graphql.call(call));
  }

  /** The image as it was. */
  async forget(reference: string, signal?: AbortSignal): Promise<Image> {
    const call = { operation: 'forgetImage', variables: { reference }, signal } as const;
    return given(accepted<{ image: Image | null }>(await this.#graphql.call(call)).image);
  }

  /** Of one registry, or of all that are known. */
  async rescan(registry?: string, signal?: AbortSignal): Promise<readonly ImageRescan[]> {
    const [operation, deadlineMs] = ['rescanImages', RESCAN_MS_MAX] as const;
    const call = { operation, variables: { registry }, deadlineMs, signal };
    type Payload = { readonly rescans: readonly ImageRescan[] | null };
    return given(accepted<Payload>(await this.#graphql.call(call)).rescans);
  }

  async list(signal?: AbortSignal): Promise<readonly ContainerRegistry[]> {
    return shaped(await this.#graphql.call({ operation: 'containerRegistries', signal }));
  }

  async change(
    operation: 'createContainerRegistry' | 'modifyContainerRegistry',
    input: ContainerRegistryInput,
    signal?: AbortSignal,
  ): Promise<ContainerRegistry> {
    const payload = await this.#graphql.call({ operation, variables: { input }, signal });
    return given(accepted<RegistryPayload>(payload).containerRegistry);
  }

  /** The registry as it was. */
  async remove(name: string, signal?: AbortSignal): Promise<ContainerRegistry> {
    const call = { operation: 'deleteContainerRegistry', variables: { name }, signal } as const;
    const payload = accepted<RegistryPayload>(await this.#graphql.call(call));
    return given(payload.containerRegistry);
  }
}
