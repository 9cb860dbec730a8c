import { newId, type Rejection, type SessionCommand } from '@orrery/bus';
import { authoriseSignedIn } from '../../auth/authorise.ts';
import { sessionIdOf } from '../../auth/master-key.ts';
import type { Gateway } from '../../gateway.ts';
import { safeParseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { readSessionAfter } from './after-commit.ts';
import { CreateSessionArguments } from './create-session-input.ts';
import { parseSessionRequest } from './session-request.ts';

export async function createSession(
  _root: unknown,
  unparsed: unknown,
  { gateway, caller, traceparent, signal }: GatewayContext,
): Promise<object> {
  const parsed = safeParseArguments(CreateSessionArguments, unparsed);
  if (!parsed.ok) return refused(parsed.error);
  const { input } = parsed.value;
  const { idempotencyKey } = input;
  const owner = authoriseSignedIn(caller, 'Mutation.createSession');
  authoriseSignedIn(caller, 'Mutation.createSession', {
    ownerUserId: owner.userId,
    domain: input.domain ?? owner.domain,
    projectId: input.projectId ?? owner.projectId,
  });
  const id =
    idempotencyKey === undefined
      ? newId(gateway.clock.nowMs())
      : sessionIdOf(idempotencyKey, gateway.keys);
  const request = parseSessionRequest(input, owner, id);
  if (!request.ok) return refused(request.error);
  const reference = input.image ?? (await gateway.catalogue.defaultReference());
  if (reference === undefined) return refused(IMAGE_REQUIRED);
  const image = await gateway.catalogue.findImage(reference);
  if (image === undefined) return refused(imageUnknown(reference));
  const command: SessionCommand = { type: 'enqueue', request: request.value(image.reference) };
  const actor = { kind: 'user', id: owner.userId } as const;
  const { outcome, commandIds } = await gateway.commands.request(
    { aggregate: 'session', aggregateId: id, actor, traceparent, command },
    signal,
  );
  if (!outcome.ok) return refused(outcome.error);
  const [session, isCreated] = await Promise.all([
    readSessionAfter(gateway, { id, outcome }, signal),
    idempotencyKey === undefined || wasCreatedBy(gateway, id, commandIds),
  ]);
  return { session, isCreated };
}

/** Whether the session's first commit is of one of these commands, and not of an earlier one. */
async function wasCreatedBy(
  { bus }: Gateway,
  id: string,
  commandIds: readonly string[],
): Promise<boolean> {
  for await (const { commandId } of bus.log.read('session', id))
    return commandIds.includes(commandId);
  return false;
}

const IMAGE_REQUIRED: Rejection = {
  code: 'image-required',
  message: 'no image is registered that could be taken by itself: name one, or register one',
  field: 'image',
};

function imageUnknown(reference: string): Rejection {
  return {
    code: 'image-unknown',
    message: `no image is registered as ${JSON.stringify(reference.slice(0, 255))}`,
    field: 'image',
  };
}

function refused(rejection: Rejection): object {
  return { isCreated: false, rejection };
}
