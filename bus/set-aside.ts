import type { Bus, SetAsideCommand } from './bus.ts';
import { derivedId } from './ids.ts';

/** The commands that no try could take, oldest first. */
export function listSetAside({
  setAside,
}: Pick<Bus, 'setAside'>): Promise<readonly SetAsideCommand[]> {
  return setAside.list();
}

/**
 * Sends a command that was set aside again, as new, and forgets that it was set aside. Once more after a
 * failure is harmless. False when there is none of that id.
 */
export async function replaySetAside(
  { setAside, inbox }: Pick<Bus, 'setAside' | 'inbox'>,
  id: string,
): Promise<boolean> {
  const found = await setAside.find(id);
  if (found === undefined) return false;
  // Whoever waited for the outcome has gone long since.
  const { replyTo: _, ...envelope } = found.envelope;
  await inbox.send({ ...envelope, id: derivedId('set-aside', id, envelope.id) });
  await setAside.remove(id);
  return true;
}
