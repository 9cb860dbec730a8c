import { type PackagedImage, PYTHON, packagedImageIn } from './image.ts';

const APPS: PackagedImage = {
  reference: 'orrery-test-apps:1',
  packages: PYTHON.packages,
  filesOf: PYTHON.reference,
  labels: {
    'ai.backend.service-ports':
      'greeter:http:8123,pair:tcp:[8124,8125],web:preopen:8126,quiet:http:8127,lost:http:8128,undefined:http:8129,broken:http:8130,brief:http:8131',
    'ai.backend.runtime-path': '/usr/bin/python3',
  },
};

/** Reference of the plain test image with apps of its own in the engine; definitions are for the tests to write. */
export function appsImageIn(socketPath: string): Promise<string> {
  return packagedImageIn(socketPath, APPS);
}
