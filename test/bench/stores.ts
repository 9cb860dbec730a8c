import { jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import type { Settings } from '@orrery/bus';

/** Messages stored so far, by stream: commits, inbox with timers, wishes, snapshots, key values. */
export async function storesOf({
  servers,
  user,
  password,
}: Settings['bus']): Promise<ReadonlyMap<string, number>> {
  const connection = await connect({
    servers: [...servers],
    ...(user === undefined ? {} : { user }),
    ...(password === undefined ? {} : { pass: password }),
  });
  try {
    const manager = await jetstreamManager(connection);
    const stores = new Map<string, number>();
    for await (const { config, state } of manager.streams.list())
      stores.set(config.name, state.last_seq);
    return stores;
  } finally {
    await connection.close();
  }
}
