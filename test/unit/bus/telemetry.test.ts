import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { currentTraceparent, startTelemetry, withSpan } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { within } from '../../contract/bus/harness.ts';

const telemetry = suite('telemetry: spans over process boundaries');

const incoming = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

function readSpans(path: string): readonly Readonly<Record<string, unknown>>[] {
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

telemetry('costs nothing and gives no trace parent when nobody wants spans', async () => {
  await using _telemetry = await startTelemetry({ service: 'test', tracing: {}, environ: {} });
  const traceparent = await withSpan('work', {}, async () => currentTraceparent());
  assert.is(traceparent, undefined);
});

telemetry(
  'writes finished spans to a file, with parents from here and from elsewhere',
  async () => {
    const directory = mkdtempSync(join(tmpdir(), 'orrery-telemetry-'));
    const file = join(directory, 'spans.ndjson');
    const running = await startTelemetry({ service: 'gateway', tracing: { file }, environ: {} });
    const passedOn = await withSpan('outer', { traceparent: incoming }, () =>
      withSpan('inner', { attributes: { session: 's1' } }, async () => currentTraceparent()),
    );
    const failure = withSpan('broken', { traceparent: 'nonsense' }, async () => {
      throw new Error('no');
    });
    await failure.catch(() => undefined);
    await running[Symbol.asyncDispose]();
    const [inner, outer, broken] = readSpans(file);
    assert.is(inner?.['name'], 'inner');
    assert.is(inner?.['traceId'], '0af7651916cd43dd8448eb211c80319c');
    assert.is(inner?.['parentSpanId'], outer?.['spanId']);
    assert.equal(inner?.['attributes'], { session: 's1' });
    assert.is(outer?.['parentSpanId'], 'b7ad6b7169203331');
    assert.is(outer?.['service'], 'gateway');
    assert.ok(Number(outer?.['endMs']) >= Number(outer?.['startMs']));
    assert.is(passedOn, `00-${inner?.['traceId']}-${inner?.['spanId']}-01`);
    assert.is(broken?.['error'], 'no');
    assert.is(broken?.['parentSpanId'], undefined);
    rmSync(directory, { recursive: true });
  },
);

telemetry('sends spans to an endpoint when it is stopped at the latest', async () => {
  const received = Promise.withResolvers<string>();
  const collector = createServer((request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
    request.on('end', () => {
      response.end('{}');
      received.resolve(`${request.url} ${text}`);
    });
  });
  await new Promise<void>((resolve) => {
    collector.listen(0, '127.0.0.1', resolve);
  });
  const address = collector.address();
  assert.ok(typeof address === 'object' && address !== null);
  const environ = { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${address.port}/` };
  const running = await startTelemetry({ service: 'agent', tracing: {}, environ });
  await withSpan('told', {}, async () => undefined);
  await running[Symbol.asyncDispose]();
  const text = await within(received.promise);
  collector.close();
  collector.closeAllConnections();
  assert.match(text, '/v1/traces');
  assert.match(text, '"told"');
  assert.match(text, '"agent"');
});

telemetry.run();
