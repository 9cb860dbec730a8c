import { request } from 'node:http';

const DEFAULT_SOCKET = '/var/run/docker.sock';
const ANSWER_WITHIN_MS = 2_000;

/** Socket of the engine that `DOCKER_HOST` names, or of the usual one; undefined when none answers. */
export async function findDockerSocket(): Promise<string | undefined> {
  const host = process.env['DOCKER_HOST'] ?? '';
  const path = host.startsWith('unix://') ? host.slice('unix://'.length) : DEFAULT_SOCKET;
  return (await isDockerAnswering(path)) ? path : undefined;
}

export function isDockerAnswering(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const options = { socketPath, path: '/_ping', timeout: ANSWER_WITHIN_MS };
    const asked = request(options, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    asked.once('error', () => resolve(false));
    asked.once('timeout', () => asked.destroy(new Error('no answer')));
    asked.end();
  });
}
