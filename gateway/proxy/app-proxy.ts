import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** A request to an app, and what is known of the way that it came. */
export interface AppRequestLine {
  readonly request: IncomingMessage;
  /** Who asked first, as far as proxies in front of us are believed. */
  readonly clientAddress: string;
  readonly isSecure: boolean;
}

/**
 * The way into the apps of sessions. Both calls answer for themselves whatever happens, and resolve when the answer
 * has been sent, or the connection has ended.
 */
export interface AppProxy {
  serve(line: AppRequestLine, response: ServerResponse): Promise<void>;
  /** The client asks to speak another protocol over its connection, such as that of WebSockets. */
  upgrade(line: AppRequestLine, socket: Duplex, head: Buffer): Promise<void>;
}
