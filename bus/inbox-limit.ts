/** Commands that wait in all inboxes together, above which those of users are refused. */
export const COMMANDS_WAITING_MAX = 50_000;

/** When a user who was refused may ask again. */
export const OVERLOADED_RETRY_MS = 1_000;
