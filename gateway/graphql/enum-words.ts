/** `fair-share` is `FAIR_SHARE` in GraphQL. */
export function toEnum(word: string): string {
  return word.toUpperCase().replaceAll('-', '_');
}

/** GraphQL takes only values that there are, so this is always one of the words. */
export function fromEnum(value: string): string {
  return value.toLowerCase().replaceAll('_', '-');
}
