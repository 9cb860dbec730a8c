import type { GatewayContext } from './context.ts';

type Work<Value> = (root: unknown, unparsed: unknown, context: GatewayContext) => Promise<Value>;

/** A resolver that begins once the projections hold what its caller was answered before. */
export function reading<Value>(work: Work<Value>): Work<Value> {
  return async (root, unparsed, context) => {
    const { gateway, caller, signal } = context;
    if (caller.kind === 'user') await gateway.ownWrites.readable(caller.userId, signal);
    return work(root, unparsed, context);
  };
}
