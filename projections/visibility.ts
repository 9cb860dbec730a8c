/**
 * Whose things may be seen. What is not visible is not found. Of a domain or of projects: what is in them,
 * and besides the viewer's own.
 */
export type Visibility =
  | { readonly kind: 'all' }
  | { readonly kind: 'domain'; readonly domain: string; readonly userId: string }
  | {
      readonly kind: 'projects';
      readonly projects: readonly string[];
      readonly domain: string;
      readonly userId: string;
    }
  | { readonly kind: 'user'; readonly userId: string };

/** Whether something with this owner and place may be seen; the same rule as in SQL. */
export function isVisible(
  visibility: Visibility,
  owned: {
    readonly ownerUserId: string;
    readonly domain: string;
    readonly projectId: string;
  },
): boolean {
  if (visibility.kind === 'all') return true;
  if (owned.ownerUserId === visibility.userId) return true;
  switch (visibility.kind) {
    case 'domain':
      return owned.domain === visibility.domain;
    case 'projects':
      return owned.domain === visibility.domain && visibility.projects.includes(owned.projectId);
    case 'user':
      return false;
    default:
      return visibility satisfies never;
  }
}
