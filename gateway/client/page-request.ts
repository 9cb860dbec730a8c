export interface PageRequest {
  /** At most this many. */
  readonly first: number;
  /** Cursor of the last one seen. */
  readonly after?: string | undefined;
}
