import { streams, subjects } from '../subjects.ts';
import { configStream, configSubject } from './server-streams.ts';

/** What a client of the bus may say and hear; everything else the server refuses. */
export interface Permissions {
  readonly publish: readonly string[];
  readonly subscribe: readonly string[];
  /** Whether it may answer whoever asks it something. */
  readonly mayRespond: boolean;
}

export type Role =
  | { readonly kind: 'control' | 'projector' | 'gateway' }
  /** `name` is that of its connection, `nodes` those it speaks for. */
  | { readonly kind: 'agent'; readonly name: string; readonly nodes: readonly string[] };

const API = '$JS.API';

/** Control hosts write the log and make the streams; nobody else does. */
export function permissionsOf(role: Role): Permissions {
  switch (role.kind) {
    case 'control':
      return { publish: ['>'], subscribe: ['>'], mayRespond: true };
    case 'projector':
      return {
        publish: [...readingOf(streams.events), streamInfo(streams.agent), 'live.projector.>'],
        subscribe: [answersTo('projector'), 'live.projector.>'],
        mayRespond: true,
      };
    case 'gateway':
      return {
        publish: [
          ...readingOf(streams.events),
          streamInfo(streams.agent),
          // To measure how many commands wait.
          `${API}.DIRECT.GET.${streams.inbox}`,
          // Three words: what agents say has a fourth and a fifth, with their names.
          'inbox.*.*.*',
          'ask.*.*.*',
          'live.>',
        ],
        subscribe: [answersTo('gateway'), 'live.>'],
        mayRespond: true,
      };
    case 'agent':
      return agentPermissions(role);
  }
}

/** Of the log it may read nothing, of other nodes it neither hears nor says anything. */
function agentPermissions({
  name,
  nodes,
}: {
  readonly name: string;
  readonly nodes: readonly string[];
}): Permissions {
  const wishes = streams.agent;
  return {
    publish: [
      streamInfo(wishes),
      // Unguessable names; without it an abandoned one lasts half a minute.
      `${API}.CONSUMER.DELETE.${wishes}.*`,
      flowOf(wishes),
      ...nodes.flatMap((node) => [
        `inbox.*.*.*.from.${node}`,
        `ask.*.*.*.from.${node}`,
        `live.heartbeat.${node}`,
        `live.statistics.${node}`,
        `live.registry.${node}`,
        `live.agent.${node}.open.*.down`,
        `${API}.CONSUMER.CREATE.${wishes}.*.${subjects.wishes(node)}`,
        `${API}.DIRECT.GET.${configStream}.${checkpointOf(node)}`,
        checkpointOf(node),
      ]),
    ],
    subscribe: [
      answersTo(name),
      ...nodes.flatMap((node) => [`live.agent.${node}.open`, `live.agent.${node}.open.*.up`]),
    ],
    mayRespond: true,
  };
}

function readingOf(stream: string): readonly string[] {
  return [
    streamInfo(stream),
    `${API}.CONSUMER.CREATE.${stream}.>`,
    `${API}.CONSUMER.DELETE.${stream}.*`,
    `${API}.DIRECT.GET.${stream}`,
    `${API}.DIRECT.GET.${stream}.>`,
    `${API}.STREAM.MSG.GET.${stream}`,
    flowOf(stream),
  ];
}

function streamInfo(stream: string): string {
  return `${API}.STREAM.INFO.${stream}`;
}

/** On these a reader tells the server to send more. */
function flowOf(stream: string): string {
  return `$JS.FC.${stream}.>`;
}

function answersTo(name: string): string {
  return `_INBOX.${name}.>`;
}

function checkpointOf(node: string): string {
  return configSubject(`checkpoint.agent.${node}`);
}
