import type { PolicyKind, UserRole, UserStatus } from '@orrery/bus';
import type { Paged, PageRequest } from './projections.ts';
import type { DomainRow, KeypairRow, PolicyRow, ProjectRow, UserRow } from './rows.ts';
import type { Visibility } from './visibility.ts';

export interface DirectoryListing extends PageRequest {
  readonly visibility: Visibility;
}

export interface DomainListing extends DirectoryListing {
  readonly isActive?: boolean | undefined;
}

export interface ProjectListing extends DirectoryListing {
  readonly domain?: string | undefined;
  readonly isActive?: boolean | undefined;
  readonly name?: string | undefined;
}

export interface UserListing extends DirectoryListing {
  readonly domain?: string | undefined;
  readonly projectId?: string | undefined;
  readonly status?: UserStatus | undefined;
  readonly role?: UserRole | undefined;
}

export interface KeypairListing extends DirectoryListing {
  readonly userId?: string | undefined;
  readonly domain?: string | undefined;
  readonly isActive?: boolean | undefined;
}

export interface PolicyListing extends DirectoryListing {
  readonly kind: PolicyKind;
}

/** Who belongs where, and what counts for them. Those who were purged or deleted are left out. */
export interface DirectoryProjections {
  /** By name. */
  listDomains(listing: DomainListing): Paged<DomainRow>;
  findDomain(name: string, visibility: Visibility): Promise<DomainRow | undefined>;
  /** By name. */
  listProjects(listing: ProjectListing): Paged<ProjectRow>;
  findProject(id: string, visibility: Visibility): Promise<ProjectRow | undefined>;
  /** By e-mail address. */
  listUsers(listing: UserListing): Paged<UserRow>;
  findVisibleUser(
    by: { readonly id: string } | { readonly email: string } | { readonly username: string },
    visibility: Visibility,
  ): Promise<UserRow | undefined>;
  /** By access key. */
  listKeypairs(listing: KeypairListing): Paged<KeypairRow>;
  findVisibleKeypair(accessKey: string, visibility: Visibility): Promise<KeypairRow | undefined>;
  /** By name. To who may not see all: those that count for them. */
  listPolicies(listing: PolicyListing): Paged<PolicyRow>;
  findPolicy(
    policy: { readonly kind: PolicyKind; readonly name: string },
    visibility: Visibility,
  ): Promise<PolicyRow | undefined>;
}
