import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Browser, Page } from 'playwright-core';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startBrowser } from '../environment/browser.ts';
import { runOrrery } from '../environment/command-line.ts';
import { dockerEngine } from '../environment/docker.ts';
import { jupyterImageIn } from '../environment/jupyter-image.ts';
import { type StartedSystem, startSystem } from '../environment/system.ts';

/** Not in the repository: what people look at after a run. */
const PICTURES = fileURLToPath(new URL('../../.orrery/pictures', import.meta.url));
const STEP_MS_MAX = 90_000;

const jupyter = suite('e2e: Jupyter Notebook through the proxy');
let system: StartedSystem;
let browser: Browser;
let sessionId: string;

jupyter.before(async () => {
  mkdirSync(PICTURES, { recursive: true });
  const { socketPath } = await dockerEngine();
  const image = await jupyterImageIn(socketPath);
  system = await startSystem(['--driver', 'docker'], { DOCKER_HOST: `unix://${socketPath}` });
  browser = await startBrowser();
  const { session } = await system.client.createSession({
    type: 'INTERACTIVE',
    image,
    cpu: '1',
    memory: '1g',
  });
  sessionId = session.id;
  for await (const { status } of system.client.sessionEvents({ id: sessionId }))
    if (status === 'RUNNING') break;
});
jupyter.after(async () => {
  await browser?.close();
  await system?.[Symbol.asyncDispose]();
});

async function opened(): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1100, height: 700 } });
  context.setDefaultTimeout(STEP_MS_MAX);
  const page = await context.newPage();
  const { stdout, stderr } = await runOrrery(
    system.dataDirectory,
    'app',
    'open',
    sessionId,
    'jupyter',
    '--json',
  );
  assert.ok(stdout.includes('/apps/'), stderr);
  await page.goto(JSON.parse(stdout).url);
  return page;
}

jupyter('a cell is run in a real browser, and its result is seen', async () => {
  const page = await opened();
  const { pathname } = new URL(page.url());
  assert.is(
    pathname,
    `/apps/${sessionId}/jupyter/tree`,
    'the way in is not in the address any more',
  );
  await page.locator('#new-buttons').click();
  const [notebook] = await Promise.all([
    page.waitForEvent('popup'),
    page.locator('#kernel-python3 a').click(),
  ]);
  await notebook.locator('.cell.code_cell').first().waitFor();
  await notebook.locator('#kernel_indicator_icon.kernel_idle_icon').waitFor();
  await notebook.locator('.CodeMirror').first().click();
  await notebook.keyboard.insertText('import sys, math\nprint("the answer is", 6 * 7)\nmath.tau');
  await notebook.keyboard.press('Shift+Enter');
  const output = notebook.locator('.output_area');
  await output.filter({ hasText: '6.283185307179586' }).waitFor();
  assert.match((await output.first().textContent()) ?? '', /the answer is 42/);
  await notebook.screenshot({ path: join(PICTURES, 'jupyter-notebook.png') });
});

jupyter('a figure is drawn in the page', async () => {
  const page = await opened();
  await page.locator('#new-buttons').click();
  const [notebook] = await Promise.all([
    page.waitForEvent('popup'),
    page.locator('#kernel-python3 a').click(),
  ]);
  await notebook.locator('#kernel_indicator_icon.kernel_idle_icon').waitFor();
  await notebook.locator('.CodeMirror').first().click();
  await notebook.keyboard.insertText(
    '%matplotlib inline\nimport matplotlib.pyplot as plt\nplt.plot([1, 4, 2, 8])\nplt.title("drawn in a session")',
  );
  await notebook.keyboard.press('Shift+Enter');
  const picture = notebook.locator('.output_area img');
  await picture.waitFor();
  const width = Number(
    await notebook.evaluate('document.querySelector(".output_area img").naturalWidth'),
  );
  assert.ok(width > 100, `${width} pixels`);
  await picture.scrollIntoViewIfNeeded();
  await notebook.screenshot({ path: join(PICTURES, 'jupyter-figure.png') });
});

jupyter('it outlives the agent that started it, and is ended when asked', async () => {
  const { client } = system;
  const call = { sessionId, app: 'jupyter' };
  const { agent } = system.pids();
  assert.ok(agent !== undefined);
  process.kill(agent, 'SIGKILL');
  const { app, hasChanged } = await client.apps.start(call);
  assert.equal([app.state, app.isAnswering, hasChanged], ['RUNNING', true, false]);
  const page = await opened();
  await page.locator('#new-buttons').waitFor();
  const stopped = await client.apps.stop(call);
  assert.equal([stopped.app.state, stopped.app.isAnswering], ['STOPPED', false]);
  await page.reload();
  assert.match((await page.locator('body').textContent()) ?? '', /does not run/);
});

jupyter.run();
