import {
  err,
  newId,
  type Outcome,
  ok,
  type RecordedCommit,
  type Rejection,
  type Result,
  type SessionCommand,
  type SessionRequest,
} from '@orrery/bus';
import { foldSession } from '@orrery/projections';
import { authoriseSignedIn } from '../../auth/authorise.ts';
import { sessionIdOf } from '../../auth/master-key.ts';
import type { SignedInCaller } from '../../auth/may.ts';
import { CommitWatch } from '../../feed/commit-watch.ts';
import type { Gateway } from '../../gateway.ts';
import { safeParseArguments } from '../arguments.ts';
import type { GatewayContext } from '../context.ts';
import { slotTexts } from '../slot-texts.ts';
import { readSessionAfter } from './after-commit.ts';
import { CreateSessionArguments, type CreateSessionInput } from './create-session-input.ts';
import { refusedByKeypair } from './front-limits.ts';
import { withGroupDefaults } from './group-defaults.ts';
import { withImageTerms } from './image-terms.ts';
import { parseSchedulingTerms } from './scheduling-terms.ts';
import { refusedPlace } from './session-place.ts';
import { parseSessionRequest } from './session-request.ts';
import { shapeSession } from './session-shape.ts';

export async function createSession(
  _root: unknown,
  unparsed: unknown,
  context: GatewayContext,
): Promise<object> {
  const { gateway, caller, traceparent, signal } = context;
  const parsed = safeParseArguments(CreateSessionArguments, unparsed);
  if (!parsed.ok) return refused(parsed.error);
  const owner = authoriseSignedIn(caller, 'Mutation.createSession');
  const input = await withGroupDefaults(gateway, parsed.value.input);
  const { idempotencyKey } = input;
  const misplaced = await refusedPlace(gateway, owner, {
    domain: input.domain ?? owner.domain,
    projectId: input.projectId ?? owner.projectId,
  });
  if (misplaced !== undefined) return refused(misplaced);
  const id =
    idempotencyKey === undefined
      ? newId(gateway.clock.nowMs())
      : sessionIdOf(idempotencyKey, gateway.keys);
  const request = await completeRequest(input, { owner, id }, context);
  if (!request.ok) return refused(request.error);
  const command: SessionCommand = { type: 'enqueue', request: request.value };
  const actor = { kind: 'user', id: owner.userId } as const;
  using watch = new CommitWatch(gateway.feed, { aggregate: 'session', id });
  const { outcome, commandIds } = await gateway.commands.request({
    aggregate: 'session',
    aggregateId: id,
    actor,
    traceparent,
    command,
  });
  if (!outcome.ok) return refused(outcome.error);
  const created = await createdBy(gateway, watch, { outcome, userId: owner.userId });
  if (created !== undefined) return { session: created, isCreated: true };
  const [session, isCreated] = await Promise.all([
    readSessionAfter(gateway, { id, outcome }, signal),
    wasCreatedBy(gateway, id, commandIds),
  ]);
  return { session, isCreated };
}

interface Asking {
  readonly owner: SignedInCaller;
  readonly id: string;
}

/** The request with what has to be looked up for it; cheap for what asks for nothing out of the ordinary. */
async function completeRequest(
  input: CreateSessionInput,
  { owner, id }: Asking,
  context: GatewayContext,
): Promise<Result<SessionRequest, Rejection>> {
  const { catalogue, projections } = context.gateway;
  const request = parseSessionRequest(input, owner, id);
  if (!request.ok) return request;
  const { slots = {}, clusterSize: kernels = 1, priority } = input;
  const asked = { accessKey: owner.accessKey, kernels, priority };
  const refusal = await refusedByKeypair(context.gateway, asked);
  if (refusal !== undefined) return err(refusal);
  if (Object.keys(slots).length > 0) {
    const known = slotTexts(slots, { field: 'slots', knownSlots: await projections.knownSlots() });
    if (!known.ok) return known;
  }
  const reference = input.image ?? (await catalogue.defaultReference());
  if (reference === undefined) return err(IMAGE_REQUIRED);
  const image = await catalogue.findImage(reference);
  if (image === undefined) return err(imageUnknown(reference));
  const fitted = withImageTerms(request.value(image.reference), input, image);
  if (!fitted.ok) return fitted;
  const terms = await parseSchedulingTerms(input, context);
  return terms.ok ? ok({ ...fitted.value, ...terms.value }) : terms;
}

/**
 * The session that the command created, from its own commit: it is not read from the projections, which
 * would be waited for. Undefined when it may have been there before.
 */
async function createdBy(
  gateway: Gateway,
  watch: CommitWatch,
  {
    outcome,
    userId,
  }: { readonly outcome: Extract<Outcome, { readonly ok: true }>; readonly userId: string },
): Promise<object | undefined> {
  if (outcome.hasChanged !== true) return undefined;
  const commit = await watch.at(outcome.sequence, gateway.feedDeadlines.begin());
  const state = commit === undefined ? undefined : firstState(commit);
  if (state === undefined) return undefined;
  gateway.ownWrites.note(userId, outcome.sequence);
  return shapeSession(state.session, state.kernels);
}

function firstState(commit: RecordedCommit): ReturnType<typeof foldSession> {
  return commit.firstRevision === 1 ? foldSession([commit]) : undefined;
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
