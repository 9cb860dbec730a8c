import { headers } from '@nats-io/transport-node';
import type { Alarms } from '../bus.ts';
import { encodeBody } from '../message-codec.ts';
import { partitionOf, streams, subjects } from '../subjects.ts';
import type { Link } from './link.ts';

/** Durable timers as scheduled messages: what fires lies in the inbox of its aggregate. */
export function createAlarms(link: Link, partitions: number): Alarms {
  return {
    set: async (envelope, atMs) => {
      const { aggregate, aggregateId } = envelope;
      const subject = subjects.alarm(aggregate, aggregateId);
      const partition = partitionOf(aggregate, aggregateId, partitions);
      const schedule = headers();
      // No message id: setting the same alarm again must move it, not count as a repeat.
      schedule.set('Nats-Schedule', `@at ${new Date(Math.ceil(atMs)).toISOString()}`);
      schedule.set('Nats-Schedule-Target', subjects.command(partition, aggregate, aggregateId));
      schedule.set('Nats-Rollup', 'sub');
      await link.publish(subject, encodeBody(subject, envelope), schedule);
    },
    clear: async (aggregate, id) => {
      const purge = JSON.stringify({ filter: subjects.alarm(aggregate, id) });
      await link.exchange('clear an alarm', () =>
        link.call(`$JS.API.STREAM.PURGE.${streams.inbox}`, purge),
      );
    },
  };
}
