import type { Aggregate, Outgoing } from '../../../../actors/runtime/aggregate.ts';

/** What a command leads to after these events: events and messages, or the code and field of a refusal. */
export function decided<State, Command, Event extends { readonly type: string }>(
  aggregate: Aggregate<State, Command, Event>,
  events: readonly Event[],
  command: Command,
  id = 'AKIAORRERYTEST000001',
): Event[] | [code: string, field: string | undefined] {
  const state = folded(aggregate, events).state;
  const decision = aggregate.decide(state, aggregate.parseCommand(command), {
    id,
    revision: events.length,
    nowMs: 0,
    actor: { kind: 'user', id: 'u' },
    newId: () => 'new',
  });
  return decision.ok ? [...decision.value.events] : [decision.error.code, decision.error.field];
}

/** The messages that the last of the events leads to, each as `aggregate id type`. */
export function told<State, Command, Event extends { readonly type: string }>(
  aggregate: Aggregate<State, Command, Event>,
  events: readonly Event[],
  id = 'AKIAORRERYTEST000001',
): readonly Extract<Outgoing, { readonly to: 'actor' }>[] {
  const { state, effects } = folded(aggregate, events);
  return effects
    .flatMap((effect) => aggregate.messages(effect, state, { id, revision: events.length }))
    .filter((message) => message.to === 'actor');
}

function folded<State, Command, Event extends { readonly type: string }>(
  aggregate: Aggregate<State, Command, Event>,
  events: readonly Event[],
) {
  let at = {
    state: aggregate.initial('id'),
    effects: [] as NonNullable<ReturnType<typeof aggregate.apply>>['effects'],
  };
  for (const event of events) {
    const applied = aggregate.apply(at.state, event);
    if (applied === undefined) throw new Error(`${event.type} is not legal`);
    at = applied;
  }
  return at;
}
