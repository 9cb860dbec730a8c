import { type RegistryAnswer, RegistryQuestion, registryLive } from '@orrery/bus';
import type { Gateway } from '../gateway.ts';
import { accessOf } from './registry-login.ts';

type Parts = Pick<Gateway, 'bus' | 'projections' | 'keys' | 'logger'>;

/** Tells agents how to reach the registries that they are about to pull from. Until the signal fires. */
export async function answerLogins(gateway: Parts, signal: AbortSignal): Promise<void> {
  const { live } = gateway.bus;
  for await (const { body, replyTo } of live.subscribe(registryLive.all, signal)) {
    const question = RegistryQuestion.safeParse(body);
    if (!question.success || replyTo === undefined) continue;
    await answerOf(gateway, question.data.host).then(
      (answer) => live.publish(replyTo, answer),
      // Without an answer the agent asks again when it tries the pull again.
      (err: unknown) => gateway.logger.warn({ err }, 'an agent was not told of a registry'),
    );
  }
}

async function answerOf({ projections, keys }: Parts, host: string): Promise<RegistryAnswer> {
  const row = await projections.findRegistry(host);
  return row === undefined ? {} : accessOf(row, keys.secretSealing);
}
