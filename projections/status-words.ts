/** What the stable words of the lifecycle say to people. */
const SENTENCES = new Map(
  Object.entries({
    'user-requested': 'A user asked for its end.',
    'admin-requested': 'An administrator asked for its end.',
    'task-finished': 'Its program finished.',
    'task-failed': 'Its program ended with an exit code that is not 0.',
    'task-timeout': 'Its program ran for longer than it may.',
    'idle-session-lifetime': 'It lived for as long as its key pair lets it.',
    'self-terminated': 'Its container ended by itself.',
    'out-of-memory': 'A program used more memory than it may, and was ended.',
    'failed-to-start': 'It could not be started.',
    'container-not-found': 'Its container is no longer there.',
    'node-unreachable': 'Its node did not answer in time.',
    'start-deadline-passed': 'It did not start in time.',
  }),
);

/** A sentence for a reason; one without a sentence of its own is told with its own words. */
export function sentenceOf(reason: string): string {
  const sentence = SENTENCES.get(reason);
  if (sentence !== undefined) return sentence;
  const words = reason.replaceAll('-', ' ').trim();
  return words === '' ? '' : `${words.charAt(0).toUpperCase()}${words.slice(1)}.`;
}

export const OUT_OF_MEMORY = 'out-of-memory';
