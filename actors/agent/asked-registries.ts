import { type LiveChannel, RegistryAnswer, registryLive } from '@orrery/bus';
import type { Registries } from './docker/registries.ts';

const ANSWER_MS_MAX = 3_000;

/**
 * Registries as the gateway knows them, asked for anew at each pull: a login is held nowhere here.
 * @throws {BusUnavailable} when no gateway answers.
 */
export function askedRegistries(live: Pick<LiveChannel, 'request'>, node: string): Registries {
  return {
    find: async (host) => {
      const told = await live.request(registryLive.of(node), { host }, ANSWER_MS_MAX);
      const { url, username, password } = RegistryAnswer.parse(told);
      return url === undefined ? undefined : { url, username, password };
    },
  };
}
