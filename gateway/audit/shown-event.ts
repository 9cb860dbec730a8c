/** Fields of events that nobody is shown, not even who may read the whole log. */
const SECRET_FIELDS = ['passwordHash', 'sealedSecret', 'sealedPassword'];
const HIDDEN = '(hidden)';

/** An event as people may see it. The log itself, and its hashes, keep what is hidden here. */
export function shownEvent<Event extends object>(event: Event): Event {
  const secrets = SECRET_FIELDS.filter((field) => field in event);
  if (secrets.length === 0) return event;
  return { ...event, ...Object.fromEntries(secrets.map((field) => [field, HIDDEN])) };
}
