import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { known } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { buildServer } from '../../../gateway/server.ts';
import { makeCertificates } from '../../environment/certificates.ts';
import { makeScratch } from '../../environment/scratch.ts';
import { startGateway } from './gateway-fixture.ts';
import { create } from './session-calls.ts';

const LIMITS = { bodyMsMax: 200, uploadIdleMsMax: 2_000 };
const fixture = await startGateway({ bodyLimits: LIMITS });
const address = new URL(await fixture.listen());

/** Sends the head of a request and a part of its body; gives what came back until it was closed. */
function half(line: string, headers = ''): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(address.port), address.hostname);
    let answer = '';
    socket.on('data', (bytes) => {
      answer += String(bytes);
    });
    socket.on('close', () => resolve(answer));
    socket.on('error', reject);
    const type = headers === '' ? 'content-type: application/json\r\n' : headers;
    const head = `host: x\r\nauthorization: Bearer ${fixture.token}\r\n${type}`;
    socket.write(`${line} HTTP/1.1\r\n${head}content-length: 1000\r\n\r\n{"query":`);
  });
}

async function runningSession(): Promise<string> {
  const { session } = await create(fixture, { type: 'INTERACTIVE' });
  const { id } = known(session ?? undefined);
  for (;;) {
    const read = await fixture.graphql('query ($id: ID!) { session(id: $id) { status } }', { id });
    if (JSON.stringify(read.body).includes('RUNNING')) return id;
  }
}

const late = suite('gateway: bodies that are late');

late(
  'one that does not come whole is refused, and uploads are only when nothing comes',
  async () => {
    const id = await runningSession();
    const order: string[] = [];
    const note =
      (name: string) =>
      (answer: string): void => {
        order.push(name);
        assert.match(answer, /^HTTP\/1\.1 408 /, name);
      };
    const upload = half(`PUT /files/${id}?path=x`, 'content-type: application/octet-stream\r\n');
    await Promise.all([half('POST /graphql').then(note('whole')), upload.then(note('upload'))]);
    assert.equal(order, ['whole', 'upload'], 'an upload has a limit of its own');
  },
);

late('one that has come may be worked on for longer', async () => {
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const sent = request(
      `${address.origin}/graphql`,
      {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          authorization: `Bearer ${fixture.token}`,
          'transfer-encoding': 'chunked',
        },
      },
      (response) => resolve(response.statusCode),
    );
    sent.on('error', reject);
    sent.end(JSON.stringify({ query: '{ viewer { id } }' }));
  });
  assert.is(status, 200);
});

late('the limit of the server is none, with TLS and without, but for the headers', async () => {
  const scratch = makeScratch('late');
  const { server } = makeCertificates(scratch.path);
  const tls = { cert: readFileSync(server.cert), key: readFileSync(server.key) };
  const secured = await buildServer(fixture.gateway, { tls });
  for (const app of [fixture.app, secured]) {
    assert.is(app.server.requestTimeout, 0);
    assert.is(app.server.headersTimeout, 60_000);
  }
  await secured.close();
  scratch.remove();
});

late.after(async () => {
  await fixture[Symbol.asyncDispose]();
});
late.run();
