import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '@orrery/bus';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { startSystem } from '../../environment/system.ts';

/** Batches of spans are sent every few seconds. */
const RECEIVED_WITHIN_MS = 30_000;
const SERVICES = ['agent', 'control', 'gateway'];

interface Resource {
  readonly resource: {
    readonly attributes: readonly {
      readonly key: string;
      readonly value: { readonly stringValue?: string };
    }[];
  };
  readonly scopeSpans: readonly {
    readonly spans: readonly { readonly traceId: string; readonly name: string }[];
  }[];
}

/** Services by trace, as a collector learns them over OTLP/HTTP. */
const servicesByTrace = new Map<string, Set<string>>();
const collector = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const { resourceSpans = [] } = JSON.parse(Buffer.concat(chunks).toString()) as {
      resourceSpans?: readonly Resource[];
    };
    for (const { resource, scopeSpans } of resourceSpans) {
      const name =
        resource.attributes.find(({ key }) => key === 'service.name')?.value.stringValue ?? '';
      for (const { traceId } of scopeSpans.flatMap(({ spans }) => spans)) {
        servicesByTrace.set(traceId, (servicesByTrace.get(traceId) ?? new Set()).add(name));
      }
    }
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
});
await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
const { port } = collector.address() as AddressInfo;
const system = await startSystem(['--driver', 'simulated'], {
  OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
});

const trace = suite('traces: from the request to the node');

trace('one session is one trace through gateway, control and agent', async () => {
  const { session } = await system.client.createSession({
    type: 'BATCH',
    command: ['true'],
    cpu: '0.1',
    memory: '64m',
  });
  for await (const event of system.client.sessionEvents({ id: session.id }))
    if (event.status === 'TERMINATED') break;
  const { edges } = await system.client.auditLog({ entity: `session:${session.id}`, first: 100 });
  const [traceId, ...others] = new Set(edges.map(({ node }) => node.traceId));
  assert.equal(others, [], 'every commit carries the same trace');
  const deadline = AbortSignal.timeout(RECEIVED_WITHIN_MS);
  while (servicesOf(traceId).join() !== SERVICES.join()) await systemClock.sleep(200, deadline);
  assert.equal(servicesOf(traceId), SERVICES);
});

function servicesOf(traceId: string | null | undefined): readonly string[] {
  return [...(servicesByTrace.get(traceId ?? '') ?? [])].sort();
}

trace.after(async () => {
  await system[Symbol.asyncDispose]();
  collector.close();
});
trace.run();
