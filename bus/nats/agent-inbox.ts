import type { AgentInbox, KeyValues, ReceivedWish } from '../bus.ts';
import { MalformedMessage } from '../errors.ts';
import { decodeWish } from '../message-codec.ts';
import { streams, subjects } from '../subjects.ts';
import {
  AGENT_CHECKPOINTS,
  followCheckpoints,
  type Lane,
  purgeLane,
  readCheckpoint,
} from './checkpoint.ts';
import type { Link } from './link.ts';
import { storeNamed } from './stored-message.ts';
import { followStream, type StreamMessage } from './stream-feed.ts';

const WISHES_MAX = 500;
/** There can be thousands of agents. */
const HEARTBEAT_PERIOD_MS = 5_000;

export function createAgentInbox(link: Link, config: KeyValues): AgentInbox {
  return {
    send: async ({ node, key, id, wish, traceparent }) => {
      const subject = subjects.wish(node, key);
      const content = { wish, traceparent };
      await storeNamed(link, { stream: streams.agent, subject, messageId: id, content });
    },
    follow: (node, afterSequence, signal) => follow(link, { node, afterSequence, signal }),
    checkpoint: (node) => readCheckpoint(config, laneOf(node)),
    saveCheckpoint: async (node, sequence) => {
      await config.put(laneOf(node).key, String(sequence));
    },
    checkpoints: (signal) => followCheckpoints(config, signal),
    sweep: (node, sequence) => purgeLane(link, { ...laneOf(node), sequence }),
  };
}

function laneOf(node: string): Lane {
  return {
    stream: streams.agent,
    filter: subjects.wishes(node),
    key: `${AGENT_CHECKPOINTS}.${node}`,
  };
}

async function* follow(
  link: Link,
  lane: { readonly node: string; readonly afterSequence: number; readonly signal: AbortSignal },
): AsyncGenerator<readonly ReceivedWish[]> {
  const feed = followStream(link, {
    stream: streams.agent,
    filter: subjects.wishes(lane.node),
    afterSequence: lane.afterSequence,
    messagesMax: WISHES_MAX,
    heartbeatPeriodMs: HEARTBEAT_PERIOD_MS,
    signal: lane.signal,
  });
  for await (const messages of feed) {
    const wishes = messages.flatMap((message) => receive(link, message));
    if (wishes.length > 0) yield wishes;
  }
}

function receive(link: Link, { subject, sequence, body }: StreamMessage): readonly ReceivedWish[] {
  try {
    return [{ sequence, ...decodeWish(subject, body) }];
  } catch (error) {
    if (!(error instanceof MalformedMessage)) throw error;
    link.logger.error({ err: error, sequence }, 'a wish is skipped');
    return [];
  }
}
