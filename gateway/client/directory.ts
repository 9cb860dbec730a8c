import type { directoryDocuments } from './directory-documents.ts';
import type { GraphqlCaller } from './graphql.ts';
import type { Page } from './model.ts';
import { accepted, given, shaped } from './payload.ts';
import { SecondFactor } from './second-factor.ts';

type Operation = keyof typeof directoryDocuments;
type Mutation = Extract<
  Operation,
  `${'create' | 'modify' | 'delete' | 'purge' | 'add' | 'remove' | 'rotate'}${string}`
>;
export type DirectoryList = Extract<
  Operation,
  'domains' | 'projects' | 'users' | 'keypairs' | `${string}Policies`
>;
export type DirectoryFind = Exclude<Operation, Mutation | DirectoryList>;
export type DirectoryChange = Mutation;

/** A domain, project, user, key pair or policy, with the fields of its GraphQL type. */
export type DirectoryEntry = Readonly<Record<string, unknown>>;

export interface DirectoryChanged {
  readonly entry: DirectoryEntry;
  /** Of a key pair that was made with it: the only time that its secret is shown. */
  readonly keypair?: DirectoryEntry | undefined;
  readonly secretKey?: string | undefined;
}

/** Who belongs where, for those who may say so. */
export class Directory {
  readonly secondFactor: SecondFactor;
  readonly #graphql: GraphqlCaller;

  constructor(graphql: GraphqlCaller) {
    this.secondFactor = new SecondFactor(graphql);
    this.#graphql = graphql;
  }

  async list(
    operation: DirectoryList,
    variables: { readonly first: number } & Readonly<Record<string, unknown>>,
    signal?: AbortSignal,
  ): Promise<Page<DirectoryEntry>> {
    return shaped(await this.#graphql.call({ operation, variables, signal }));
  }

  /** Undefined when there is none, or none that the caller may see. */
  async find(
    operation: DirectoryFind,
    variables: Readonly<Record<string, unknown>>,
    signal?: AbortSignal,
  ): Promise<DirectoryEntry | undefined> {
    const answer = await this.#graphql.call({ operation, variables, signal });
    return shaped<DirectoryEntry | null>(answer) ?? undefined;
  }

  /** What was changed, as it is now; of what is no more, as it was. @throws {OperationRefused} */
  async change(
    operation: DirectoryChange,
    variables: Readonly<Record<string, unknown>>,
    signal?: AbortSignal,
  ): Promise<DirectoryChanged> {
    const payload = accepted<Payload>(await this.#graphql.call({ operation, variables, signal }));
    const { domain, project, user, keypair, resourcePolicy, secretKey } = payload;
    const entry = given(domain ?? project ?? user ?? keypair ?? resourcePolicy ?? null);
    return {
      entry,
      ...(user && keypair ? { keypair } : {}),
      ...(secretKey ? { secretKey } : {}),
    };
  }
}

interface Payload {
  readonly domain?: DirectoryEntry | null;
  readonly project?: DirectoryEntry | null;
  readonly user?: DirectoryEntry | null;
  readonly keypair?: DirectoryEntry | null;
  readonly resourcePolicy?: DirectoryEntry | null;
  readonly secretKey?: string | null;
}
