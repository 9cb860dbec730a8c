import { randomUUID } from 'node:crypto';
import { currentTraceparent, withSpan } from '@orrery/bus';
import type { Gateway } from '../gateway.ts';
import { failureOf } from './error-form.ts';
import type { Resolver, Subscriber } from './resolver.ts';

/** A resolver whose duration and outcome are counted; a mutation runs in a span of its own. */
export function observedField(operation: string, resolver: Resolver): Resolver {
  const isMutation = operation.startsWith('Mutation.');
  return async (root, unparsed, context) => {
    const { gateway, traceparent } = context;
    const startMs = performance.now();
    const observe = (outcome: string): void =>
      gateway.metrics.operationSeconds.observe(
        { operation, outcome },
        (performance.now() - startMs) / 1000,
      );
    try {
      const answer = isMutation
        ? await withSpan(operation, { traceparent, kind: 'server' }, () =>
            resolver(root, unparsed, {
              ...context,
              traceparent: currentTraceparent() ?? traceparent ?? newTraceparent(),
            }),
          )
        : await resolver(root, unparsed, context);
      const code = rejectionCode(answer);
      if (code !== undefined) gateway.metrics.refusals.inc({ operation, code });
      observe(code === undefined ? 'ok' : 'refused');
      return answer;
    } catch (error) {
      observe(failureOf(error).code);
      throw error;
    }
  };
}

/** A subscription that is counted while it is open. */
export function observedSubscription(name: string, subscriber: Subscriber): Subscriber {
  return async (root, unparsed, context) => {
    const items = await subscriber(root, unparsed, context);
    return counted(items, context.gateway, `Subscription.${name}`);
  };
}

function counted(
  items: AsyncGenerator<unknown, void>,
  { metrics }: Gateway,
  operation: string,
): AsyncGenerator<unknown, void> {
  let isOpen = true;
  metrics.subscriptions.inc({ operation });
  const close = (): void => {
    if (isOpen) metrics.subscriptions.dec({ operation });
    isOpen = false;
  };
  return {
    async next() {
      try {
        const item = await items.next();
        if (item.done === true) close();
        else metrics.subscriptionItems.inc({ operation });
        return item;
      } catch (error) {
        close();
        throw error;
      }
    },
    return() {
      close();
      return items.return();
    },
    throw(error) {
      close();
      return items.throw(error);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
    async [Symbol.asyncDispose]() {
      close();
      await items.return();
    },
  };
}

function rejectionCode(answer: unknown): string | undefined {
  if (typeof answer !== 'object' || answer === null || !('rejection' in answer)) return undefined;
  const { rejection } = answer;
  if (typeof rejection !== 'object' || rejection === null || !('code' in rejection))
    return undefined;
  return String(rejection.code);
}

/** Nothing is traced here, but what follows from one request shall still be found together. */
function newTraceparent(): string {
  const trace = randomUUID().replaceAll('-', '');
  return `00-${trace}-${randomUUID().replaceAll('-', '').slice(-16)}-00`;
}
