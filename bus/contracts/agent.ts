import { z } from 'zod';
import { Slots } from '../slots.ts';
import { AppRequest } from './app.ts';
import { ClusterPeer, JoinedNetwork } from './cluster-network.ts';
import { FileRequest } from './files.ts';
import { CompleteRequest, ExecuteRequest, InterruptRequest } from './inside.ts';
import { FileAnswer, FileOperation, OpenFilesRequest } from './open-files.ts';
import { PortRequest } from './port.ts';
import { SessionType } from './session.ts';
import { RecordingRequest, TerminalRequest } from './terminal.ts';

/** Everything an agent must know to run one kernel. */
export const KernelSpec = z.object({
  kernel: z.uuid(),
  session: z.uuid(),
  sessionName: z.string(),
  sessionType: SessionType,
  image: z.string(),
  /** Argument vector of a batch session; null: keep the container for interactive use. */
  command: z.array(z.string()).nullable(),
  environ: z.record(z.string(), z.string()),
  slots: Slots,
  hostname: z.string(),
  role: z.enum(['main', 'sub']),
  ownerUserId: z.string(),
  ownerProjectId: z.string(),
  batchTimeoutMs: z.int().optional(),
  sharedMemoryBytes: z.int().optional(),
  /** False: shares that fit on one device are not split over several. */
  isFragmentable: z.boolean().optional(),
  /** Absent: it is by itself, in a network of its own. */
  network: JoinedNetwork.optional(),
  /** All kernels of its session, itself among them; complete in a wish to run. */
  peers: z.array(ClusterPeer).optional(),
});
export type KernelSpec = Readonly<z.infer<typeof KernelSpec>>;

/**
 * What shall be so of one kernel on one node. A wish with a lower revision than one already met is
 * ignored, so messages may be late, doubled or out of order.
 */
export const KernelWish = z.discriminatedUnion('shall', [
  /** Have its image; report `pulling` and `prepared`, or `failed`. */
  z.object({ shall: z.literal('be-prepared'), revision: z.int(), spec: KernelSpec }),
  /**
   * Have its image and its container running; report `pulling` while the image comes, `running`, then
   * `exited` once all of it is removed, or `failed`. A container that ended is not started again.
   */
  z.object({ shall: z.literal('run'), revision: z.int(), spec: KernelSpec }),
  /** Change nothing; report what is so: `running`, `exited`, or `absent` when there is no container. */
  z.object({
    shall: z.literal('report'),
    revision: z.int(),
    kernel: z.uuid(),
    session: z.uuid(),
  }),
  /** Have no container; report `exited` (if there was one) or `absent`. */
  z.object({
    shall: z.literal('be-gone'),
    revision: z.int(),
    kernel: z.uuid(),
    session: z.uuid(),
    /** Time between the stop signal and the kill; 0 kills at once. */
    graceMs: z.int().min(0),
    reason: z.string(),
  }),
]);
export type KernelWish = Readonly<z.infer<typeof KernelWish>>;

/** Subjects of the live channel that an agent answers on. */
export const agentLive = {
  heartbeat: (node: string) => `live.heartbeat.${node}`,
  heartbeats: 'live.heartbeat.*',
  /** Requests that open a stream (see `duplex.ts`): logs and exec. */
  streams: (node: string) => `live.agent.${node}.open`,
};

/** The first message of a stream to an agent. */
export const StreamRequest = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('logs'),
    kernel: z.uuid(),
    isFollowed: z.boolean(),
    /** Bytes of log content already seen; 0 starts at the beginning. */
    offsetBytes: z.int().min(0),
  }),
  z.object({
    kind: z.literal('exec'),
    kernel: z.uuid(),
    command: z.array(z.string()).min(1),
    hasTerminal: z.boolean(),
    columns: z.int().min(1).max(1000).optional(),
    rows: z.int().min(1).max(1000).optional(),
    environ: z.record(z.string(), z.string()).optional(),
  }),
  ExecuteRequest,
  InterruptRequest,
  CompleteRequest,
  ...FileRequest.options,
  ...AppRequest.options,
  TerminalRequest,
  ...RecordingRequest.options,
  PortRequest,
  OpenFilesRequest,
]);
export type StreamRequest = Readonly<z.infer<typeof StreamRequest>>;

/**
 * Frames from the agent to the one who opened the stream. `data` is base64; `offsetBytes` is the place of
 * its first byte, so a reader resumes logs at `offsetBytes` plus the length of what it was given last.
 */
export const StreamOutput = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('output'),
    source: z.enum(['stdout', 'stderr']),
    data: z.string(),
    offsetBytes: z.int(),
  }),
  z.object({ kind: z.literal('exit'), exitCode: z.int().nullable() }),
  z.object({ kind: z.literal('error'), code: z.string(), message: z.string() }),
  /**
   * Of a terminal: what follows is the output of this shell from that byte on. It comes again when another
   * shell takes its place, or when a viewer was too slow for all of it.
   */
  z.object({
    kind: z.literal('attached'),
    life: z.uuid(),
    offsetBytes: z.int(),
    isRecorded: z.boolean(),
  }),
  /** Of open files: the working directory, as programs see it. */
  z.object({ kind: z.literal('home'), path: z.string() }),
  z.object({ kind: z.literal('file-answer'), id: z.int(), answer: FileAnswer }),
  /** Of a port: the connection is there. */
  z.object({ kind: z.literal('connected') }),
  /** A piece of the JSON text that answers a request. */
  z.object({ kind: z.literal('part'), text: z.string() }),
]);
export type StreamOutput = Readonly<z.infer<typeof StreamOutput>>;

/** Frames from the one who opened the stream to the agent. `data` is base64. */
export const StreamInput = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('input'), data: z.string() }),
  z.object({ kind: z.literal('end-of-input') }),
  z.object({
    kind: z.literal('resize'),
    columns: z.int().min(1).max(1000),
    rows: z.int().min(1).max(1000),
  }),
  /** Of open files; `id` stands on the answer. */
  z.object({ kind: z.literal('file-operation'), id: z.int(), operation: FileOperation }),
  /** Of a terminal: another shell in place of the one that runs. */
  z.object({ kind: z.literal('restart') }),
]);
export type StreamInput = Readonly<z.infer<typeof StreamInput>>;
