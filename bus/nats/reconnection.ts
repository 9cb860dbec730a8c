import type { NodeConnectionOptions } from '@nats-io/transport-node';

/** Between two tries to reach a server again, up to twice as long. */
const RECONNECT_DELAY_MS = 50;

/**
 * How a connection that broke comes back: it tries one server after the other for ever. The library's own
 * pace is measured on the wall clock: set that back by an hour, and it dials nobody for an hour. So it is
 * told that every server's time has come, and the pause is ours.
 */
export function reconnectionOptions(): NodeConnectionOptions {
  let dials = 0;
  return {
    maxReconnectAttempts: -1,
    reconnectDelayHandler: () => Number.NEGATIVE_INFINITY,
    // The first of them is the one whose turn it is.
    reconnectToServer: ([server = null]) => {
      if (server === null) return null;
      dials += 1;
      const delay = dials === 1 ? 0 : RECONNECT_DELAY_MS * (1 + (dials % 2));
      return { server, delay };
    },
  };
}
