import {
  agentLive,
  type Duplex,
  openDuplex,
  type StreamInput,
  StreamOutput,
  TerminalRequest,
  TerminalSide,
} from '@orrery/bus';
import type { RawData, WebSocket } from 'ws';
import { z } from 'zod';
import type { TerminalPass } from '../auth/terminal-passes.ts';
import { RequestFailed } from '../errors.ts';
import type { Gateway } from '../gateway.ts';
import { kernelOfUser } from '../inside/kernel-of-user.ts';
import type { RunningKernel } from '../inside/main-kernel.ts';
import { noteUse } from '../inside/note-use.ts';
import {
  CLOSE_NORMAL,
  closeSocket,
  parseJsonFrame,
  sendFrame,
  toldFailure,
} from './frame-socket.ts';
import { keepAlive } from './keep-alive.ts';

/** What a client sends (reference: the stream pty). */
const ClientFrame = z.discriminatedUnion('type', [
  z.object({ type: z.literal('stdin'), chars: z.base64() }),
  z.object({ type: z.literal('resize'), rows: TerminalSide, cols: TerminalSide }),
  z.object({ type: z.literal('ping') }),
  z.object({ type: z.literal('restart') }),
]);

const Side = z.coerce.number().pipe(TerminalSide).optional();
/** What the address of the socket says beside the pass: how large it is, and where to go on. */
const Query = z.object({
  token: z.string(),
  columns: Side,
  rows: Side,
  life: TerminalRequest.shape.life,
  after: z.coerce.number().int().min(0).optional(),
});

type Stream = Duplex<StreamOutput, StreamInput>;

/** Shows the terminal that the pass stands for, and carries what is typed. */
export async function serveTerminal(
  gateway: Gateway,
  socket: WebSocket,
  query: unknown,
): Promise<void> {
  const left = new AbortController();
  socket.once('close', () => left.abort());
  socket.pause();
  try {
    const asked = parseQuery(query);
    const pass = gateway.tokens().terminals.verify(asked.token);
    const alive = keepAlive(socket, gateway.clock);
    const kernel = await kernelOfUser(gateway, pass, {
      operation: 'Mutation.openTerminal',
      signal: left.signal,
    });
    await note(gateway, pass, kernel);
    const { columns, rows, life, after: afterBytes } = asked;
    const { terminal, mode, isRecorded } = pass;
    const wanted = { columns, rows, life, afterBytes, terminal, mode, isRecorded };
    const request = { kind: 'terminal', kernel: kernel.kernel, ...wanted } as const;
    await using stream: Stream = await openDuplex<StreamOutput, StreamInput>(
      gateway.bus.live,
      agentLive.streams(kernel.node),
      request,
      { clock: gateway.clock, incoming: StreamOutput, signal: left.signal },
    );
    await bridge(socket, stream, mode);
    closeSocket(socket, CLOSE_NORMAL);
    await alive;
  } catch (error) {
    if (left.signal.aborted) return;
    const { closeCode, ...told } = toldFailure(error, gateway);
    await sendFrame(socket, { type: 'error', ...told });
    closeSocket(socket, closeCode);
  }
}

/** @throws {RequestFailed} `INPUT_INVALID` | `TICKET_INVALID` */
function parseQuery(query: unknown): z.infer<typeof Query> {
  const parsed = Query.safeParse(query);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue?.path.join('.');
  if (field === 'token')
    throw new RequestFailed('TICKET_INVALID', 'The address of a terminal holds a token.');
  throw new RequestFailed('INPUT_INVALID', `${field}: ${issue?.message}`, { field });
}

async function note(
  gateway: Gateway,
  pass: TerminalPass,
  { session }: RunningKernel,
): Promise<void> {
  const { userId, terminal, mode, isShared, isRecorded } = pass;
  await noteUse(
    gateway,
    { session, userId, traceparent: undefined },
    { kind: 'terminal', terminal, mode, isShared, isRecorded },
  );
}

async function bridge(
  socket: WebSocket,
  stream: Stream,
  mode: TerminalPass['mode'],
): Promise<void> {
  const failed = Promise.withResolvers<never>();
  let carried = Promise.resolve();
  const take = async (message: RawData): Promise<void> => {
    const frame = parseFrame(message);
    // What only looks on is never heard.
    if (frame !== undefined && mode === 'read-write') await stream.send(frame);
  };
  socket.on('message', (message: RawData) => {
    // The next frame is read from the socket when the agent has taken this one.
    socket.pause();
    carried = carried
      .then(() => take(message))
      .then(() => socket.resume())
      .catch(failed.reject);
  });
  socket.resume();
  await Promise.race([failed.promise, show(stream.incoming, socket)]);
}

async function show(frames: AsyncIterable<StreamOutput>, socket: WebSocket): Promise<void> {
  for await (const frame of frames) {
    if (frame.kind === 'output') {
      const { data, offsetBytes: offset } = frame;
      await sendFrame(socket, { type: 'out', data, offset });
    } else if (frame.kind === 'attached') {
      const { life, offsetBytes: offset, isRecorded } = frame;
      await sendFrame(socket, { type: 'attached', life, offset, isRecorded });
    } else if (frame.kind === 'exit') {
      await sendFrame(socket, { type: 'exit', exitCode: frame.exitCode });
      return;
    }
  }
}

/** Undefined: it asks for nothing. @throws {RequestFailed} `INPUT_INVALID` */
function parseFrame(message: RawData): StreamInput | undefined {
  const parsed = ClientFrame.safeParse(parseJsonFrame(message));
  if (!parsed.success)
    throw new RequestFailed('INPUT_INVALID', 'A frame is stdin, resize, ping or restart.');
  const frame = parsed.data;
  switch (frame.type) {
    case 'stdin':
      return { kind: 'input', data: frame.chars };
    case 'resize':
      return { kind: 'resize', columns: frame.cols, rows: frame.rows };
    case 'restart':
      return { kind: 'restart' };
    case 'ping':
      return undefined;
  }
}
