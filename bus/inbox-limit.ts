/** Commands that wait in all inboxes together, above which those of users are refused. */
export const COMMANDS_WAITING_MAX = 50_000;

/** When a user who was refused may ask again. */
export const OVERLOADED_RETRY_MS = 1_000;

/** Who is asked past an inbox answers within this time, or the command is put into it. */
export const ASKED_MS_MAX = 2_000;

/** Commands that wait to be taken by who listens; more are declined. */
export const ASKED_COMMANDS_MAX = 1_024;
