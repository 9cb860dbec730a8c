import type { RequestFailed } from '../errors.ts';
import { problemOf } from '../rest/problem.ts';

export interface FailureAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** A page for people, and the same problem as everywhere else for programs. */
export function failureAnswer(failure: RequestFailed, accept: string | undefined): FailureAnswer {
  const { status } = failure;
  if (accept?.includes('text/html') !== true)
    return { status, type: 'application/problem+json', body: JSON.stringify(problemOf(failure)) };
  const { title } = problemOf(failure);
  const body = `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escaped(String(title))}</title>
<style>body{font:16px/1.5 sans-serif;margin:15vh auto;max-width:36em;padding:0 1em}code{color:#666}</style>
</head><body><h1>${escaped(String(title))}</h1><p>${escaped(failure.message)}</p>
<p><code>${status} ${failure.code}</code></p></body></html>
`;
  return { status, type: 'text/html; charset=utf-8', body };
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
