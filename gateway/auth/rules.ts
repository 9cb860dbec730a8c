/** Who the table of operations knows: the roles, and who administers projects without another role. */
export const SEATS = [
  'anonymous',
  'superadmin',
  'domain-admin',
  'project-admin',
  'user',
  'monitor',
] as const;
export type Seat = (typeof SEATS)[number];

/**
 * `any`: everybody's; `domain`: what is in the caller's domain; `project`: what is in the projects that
 * the caller administers; `own`: the caller's; `none`: nothing. Each but `none` holds the caller's own.
 */
export type Reach = 'any' | 'domain' | 'project' | 'own' | 'none';
export type Rule = Readonly<Record<Exclude<Seat, 'anonymous'>, Reach>> & {
  readonly anonymous: 'any' | 'none';
};

export const everybody: Rule = {
  anonymous: 'any',
  superadmin: 'any',
  'domain-admin': 'any',
  'project-admin': 'any',
  user: 'any',
  monitor: 'any',
};
export const signedIn: Rule = { ...everybody, anonymous: 'none' };
export const readOwned: Rule = {
  anonymous: 'none',
  superadmin: 'any',
  'domain-admin': 'domain',
  'project-admin': 'project',
  user: 'own',
  monitor: 'any',
};
export const changeOwned: Rule = { ...readOwned, monitor: 'none' };
/** What is set for the cluster: others are shown what they may use of it. */
export const readUsable: Rule = { ...readOwned, 'domain-admin': 'own', 'project-admin': 'own' };
/** What everybody but a monitor does for themselves alone. */
export const actAlone: Rule = { ...readUsable, monitor: 'none' };
/** What those do who administer a domain, each in their own. */
export const administrators: Rule = { ...changeOwned, 'project-admin': 'none', user: 'none' };
/** The same, and those who administer a project, there. */
export const projectAdministrators: Rule = { ...changeOwned, user: 'none' };
export const superadmins: Rule = { ...administrators, 'domain-admin': 'none' };
export const observers: Rule = { ...superadmins, monitor: 'any' };
/** What belongs to nobody, and both kinds of administrators of people may change. */
export const operators: Rule = { ...superadmins, 'domain-admin': 'any' };
