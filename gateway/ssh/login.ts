import { contracts, newId, type RecordedCommit, type Settings } from '@orrery/bus';
import type { Connection } from 'ssh2';
import type { Gateway } from '../gateway.ts';
import { noteUse, type Visitor } from '../inside/note-use.ts';
import type { SignedIn } from './sign-in.ts';

const IDLE_LOOK_MS = 30_000;
const MINUTE_MS = 60_000;
/** After these a session's programs end by themselves, or have. */
const ENDINGS = new Set([
  'session-terminating',
  'session-forced',
  'session-terminated',
  'session-cancelled',
  'session-failed',
  'session-finished',
  'session-requeued',
]);

/** One connection of somebody who is signed in, written down from its beginning to its end. */
export class Login {
  readonly #gateway: Gateway;
  readonly #client: Connection;
  readonly #address: string;
  readonly #settings: NonNullable<Settings['gateway']['ssh']>;
  readonly #closing = new AbortController();
  /** Fires when the connection is closed. */
  readonly closed = this.#closing.signal;
  #who: SignedIn | undefined;
  readonly #ports = new Set<number>();
  #lastUsedAtMs = 0;

  constructor(
    gateway: Gateway,
    parts: {
      readonly client: Connection;
      readonly address: string;
      readonly settings: NonNullable<Settings['gateway']['ssh']>;
    },
  ) {
    this.#gateway = gateway;
    this.#client = parts.client;
    this.#address = parts.address;
    this.#settings = parts.settings;
    this.#client.once('close', () => this.#closing.abort());
  }

  get userId(): string | undefined {
    return this.#who?.caller.userId;
  }

  get who(): SignedIn {
    if (this.#who === undefined) throw new Error('nobody is signed in yet');
    return this.#who;
  }

  get visitor(): Visitor {
    const { caller, kernel } = this.who;
    return { session: kernel.session, userId: caller.userId, traceparent: undefined };
  }

  /** Written down before anything can be done. @throws as `noteUse`; then nobody is let in. */
  async open(who: SignedIn): Promise<void> {
    const { clock, logger } = this.#gateway;
    this.#who = who;
    const openedAtMs = clock.nowMs();
    const connection = newId(openedAtMs);
    const { fingerprint } = who;
    const use = { kind: 'ssh-opened', connection, fingerprint, address: this.#address } as const;
    await noteUse(this.#gateway, this.visitor, use);
    this.touch();
    void this.#watchIdle();
    const visitor = this.visitor;
    const told = (): void => {
      const durationMs = Math.round(clock.nowMs() - openedAtMs);
      noteUse(this.#gateway, visitor, { kind: 'ssh-closed', connection, durationMs }).catch(
        // A session that is over is told nothing any more.
        (err: unknown) => logger.debug({ err }, 'the end of an SSH connection was not noted'),
      );
    };
    if (this.closed.aborted) told();
    else this.closed.addEventListener('abort', told, { once: true });
  }

  /** Whether nobody was led to the port on this connection before; the first time is written down. */
  isNew(port: number): boolean {
    const isNew = !this.#ports.has(port);
    this.#ports.add(port);
    return isNew;
  }

  /** Something came or went. */
  touch(): void {
    this.#lastUsedAtMs = this.#gateway.clock.nowMs();
  }

  /** Ends the connection when what let it in is no more. */
  heed({ aggregate, aggregateId, events }: RecordedCommit): void {
    const who = this.#who;
    if (who === undefined) return;
    if (aggregate === 'session') {
      const isOver = events.some(({ type }) => ENDINGS.has(type));
      if (aggregateId === who.kernel.session && isOver) this.end('the session is over');
      return;
    }
    if (aggregate !== 'user' || aggregateId !== who.caller.userId) return;
    for (const event of events) {
      const told = contracts.user.event.safeParse(event).data;
      const isKeyGone =
        told?.type === 'user-ssh-key-removed' && told.fingerprint === who.fingerprint;
      const isBlocked = told?.type === 'user-status-set' && told.status !== 'active';
      const isGone = told?.type === 'user-purged' || told?.type === 'user-deactivated';
      const isOther = told?.type === 'user-changed' && told.changes.role !== undefined;
      if (isKeyGone || isBlocked || isGone || isOther) this.end('its user may not stay');
    }
  }

  end(why: string): void {
    this.#gateway.logger.debug({ why, userId: this.userId }, 'an SSH connection is ended');
    this.#closing.abort(new Error(why));
    this.#client.end();
  }

  async #watchIdle(): Promise<void> {
    const { clock } = this.#gateway;
    const idleMsMax = this.#settings.idleMinutesMax * MINUTE_MS;
    if (idleMsMax === 0) return;
    while (!this.closed.aborted) {
      await clock.sleep(Math.min(IDLE_LOOK_MS, idleMsMax), this.closed).catch(() => undefined);
      if (clock.nowMs() - this.#lastUsedAtMs >= idleMsMax) return this.end('it was idle');
    }
  }
}
