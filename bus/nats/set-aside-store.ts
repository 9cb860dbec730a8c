import { headers } from '@nats-io/transport-node';
import { z } from 'zod';
import type { SetAside, SetAsideCommand } from '../bus.ts';
import { decodeSetAside, encodeSetAside } from '../message-codec.ts';
import { streams, subjects } from '../subjects.ts';
import { readPages } from './direct-read.ts';
import type { Link } from './link.ts';

export function createSetAside(link: Link): SetAside {
  const read = async (subject: string): Promise<readonly SetAsideCommand[]> => {
    const commands: SetAsideCommand[] = [];
    const place = { stream: streams.setAside, subject, afterSequence: 0 };
    for await (const page of readPages(link, place))
      for (const message of page) commands.push(decodeSetAside(message.subject, message.body));
    return commands;
  };
  return {
    put: async (command) => {
      const subject = subjects.setAside(command.id);
      const identity = headers();
      identity.set('Nats-Msg-Id', command.id);
      await link.publish(subject, encodeSetAside(subject, command), identity);
    },
    list: () => read(subjects.allSetAside),
    find: async (id) => (await read(subjects.setAside(id)))[0],
    remove: async (id) => {
      const purge = JSON.stringify({ filter: subjects.setAside(id) });
      await link.exchange('forget a command that was set aside', () =>
        link.call(`$JS.API.STREAM.PURGE.${streams.setAside}`, purge),
      );
    },
    count: async () => {
      const info = await link.exchange('count what is set aside', () =>
        link.call(`$JS.API.STREAM.INFO.${streams.setAside}`, ''),
      );
      return StreamState.parse(info).state.messages;
    },
  };
}

const StreamState = z.object({ state: z.object({ messages: z.int() }) });
