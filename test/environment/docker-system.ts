import { dockerEngine } from './docker.ts';
import { testImage } from './image.ts';
import { type StartedSystem, startSystem } from './system.ts';

/** A whole installation that runs its sessions in real containers of the test image. */
export async function startDockerSystem(): Promise<{
  readonly system: StartedSystem;
  readonly socketPath: string;
  readonly image: string;
}> {
  const { socketPath } = await dockerEngine();
  const image = await testImage();
  const system = await startSystem(['--driver', 'docker'], { DOCKER_HOST: `unix://${socketPath}` });
  return { system, socketPath, image };
}
