import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { openDataDirectory } from '../../../deploy/embedded/data-directory.ts';
import { DeployFailure } from '../../../deploy/embedded/failure.ts';

const directory = suite('data directory: places that cannot be used');

for (const path of ['/proc/nobody/can/make/this', '/dev/null', '/dev/null/below']) {
  directory(`${path} is refused in one sentence that names it`, () => {
    try {
      openDataDirectory(path);
    } catch (error) {
      assert.ok(error instanceof DeployFailure);
      assert.ok(error instanceof Error && error.message.includes(path));
      return;
    }
    assert.unreachable('it was accepted');
  });
}

directory.run();
