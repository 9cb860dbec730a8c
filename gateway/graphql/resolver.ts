import type { GatewayContext } from './context.ts';

/** Arguments come unparsed: the first step of a resolver is to parse them. */
export type Resolver = (
  root: unknown,
  unparsed: unknown,
  context: GatewayContext,
) => Promise<unknown>;
export type Subscriber = (
  root: unknown,
  unparsed: unknown,
  context: GatewayContext,
) => Promise<AsyncGenerator<unknown, void>>;

export type FieldResolvers = Readonly<Record<string, Resolver>>;
export type SubscriptionResolvers = Readonly<Record<string, Subscriber>>;
