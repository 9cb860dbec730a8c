import { createWriteStream, type WriteStream } from 'node:fs';
import {
  type Attributes,
  type Context,
  context,
  type HrTime,
  INVALID_SPAN_CONTEXT,
  ROOT_CONTEXT,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
} from '@opentelemetry/api';
import type { ReadableSpan, SpanProcessor } from '@opentelemetry/sdk-trace';
import type { Settings } from './settings.ts';

const TRACER = 'orrery';
/** The library is one a process as well; asking it costs more than the work of a short span. */
let isTracing = false;
const NO_SPAN = trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
/** Spans that wait for a slow disk; above this they are dropped. */
const WAITING_BYTES_MAX = 8 * 1_048_576;

/**
 * Starts tracing when the settings or `OTEL_EXPORTER_OTLP_ENDPOINT` name a place for spans to go to; else
 * nothing is loaded and `withSpan` costs next to nothing. Disposing of it sends what is left.
 */
export async function startTelemetry(options: {
  readonly service: string;
  readonly tracing: Settings['tracing'];
  /** `process.env` of the caller. */
  readonly environ: Readonly<Record<string, string | undefined>>;
}): Promise<AsyncDisposable> {
  const { service, tracing, environ } = options;
  const endpoint = tracing.endpoint ?? environ['OTEL_EXPORTER_OTLP_ENDPOINT'];
  if (endpoint === undefined && tracing.file === undefined)
    return { [Symbol.asyncDispose]: async () => undefined };
  const [sdk, { AsyncLocalStorageContextManager }, { resourceFromAttributes }] = await Promise.all([
    import('@opentelemetry/sdk-trace'),
    import('@opentelemetry/context-async-hooks'),
    import('@opentelemetry/resources'),
  ]);
  const spanProcessors: SpanProcessor[] = [];
  if (tracing.file !== undefined) spanProcessors.push(new FileSpans(service, tracing.file));
  if (endpoint !== undefined) {
    const { OTLPTraceExporter } = await import('@opentelemetry/exporter-trace-otlp-http');
    const exporter = new OTLPTraceExporter({ url: `${endpoint.replace(/\/+$/, '')}/v1/traces` });
    spanProcessors.push(new sdk.BatchSpanProcessor({ exporter }));
  }
  const resource = resourceFromAttributes({ 'service.name': service });
  const provider = new sdk.TracerProvider({ resource, spanProcessors });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  trace.setGlobalTracerProvider(provider);
  isTracing = true;
  return {
    [Symbol.asyncDispose]: async () => {
      isTracing = false;
      trace.disable();
      context.disable();
      await provider.shutdown();
    },
  };
}

/**
 * Does the work inside a span: of the given W3C trace parent, else of the span that is active here. What
 * the work throws is noted on the span and thrown on.
 */
export function withSpan<Value>(
  name: string,
  options: {
    readonly traceparent?: string | undefined;
    readonly attributes?: Attributes;
    readonly kind?: 'server' | 'client' | 'producer' | 'consumer';
  },
  work: (span: Span) => Promise<Value>,
): Promise<Value> {
  if (!isTracing) return work(NO_SPAN);
  const { traceparent, attributes = {}, kind } = options;
  const parent = traceparent === undefined ? context.active() : contextOf(traceparent);
  const spanKind = kind === undefined ? SpanKind.INTERNAL : SPAN_KINDS[kind];
  const tracer = trace.getTracer(TRACER);
  return tracer.startActiveSpan(name, { attributes, kind: spanKind }, parent, async (span) => {
    try {
      return await work(span);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      span.recordException(error instanceof Error ? error : message);
      span.setStatus({ code: SpanStatusCode.ERROR, message });
      throw error;
    } finally {
      span.end();
    }
  });
}

const SPAN_KINDS = {
  server: SpanKind.SERVER,
  client: SpanKind.CLIENT,
  producer: SpanKind.PRODUCER,
  consumer: SpanKind.CONSUMER,
} as const;

/** The W3C trace parent of the span that is active here; undefined when nothing is traced. */
export function currentTraceparent(): string | undefined {
  const span = trace.getSpanContext(context.active());
  return span === undefined ? undefined : formatTraceparent(span);
}

function formatTraceparent({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}

/** A root context when the text is no trace parent: a stranger's bad header must not end the work. */
function contextOf(traceparent: string): Context {
  const match = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})/.exec(traceparent);
  if (match === null) return ROOT_CONTEXT;
  const [, traceId = '', spanId = '', flags = ''] = match;
  const parent = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  return trace.setSpanContext(ROOT_CONTEXT, parent);
}

/** Appends each finished span to a file as one line of JSON. Several processes may share the file. */
class FileSpans implements SpanProcessor {
  readonly #service: string;
  readonly #file: WriteStream;

  constructor(service: string, path: string) {
    this.#service = service;
    this.#file = createWriteStream(path, { flags: 'a', mode: 0o600 });
    // Tracing is a help for people; a full disk must not end the process that is traced.
    this.#file.on('error', () => this.#file.destroy());
  }

  onStart(): void {}

  onEnd(span: ReadableSpan): void {
    if (this.#file.destroyed || this.#file.writableLength > WAITING_BYTES_MAX) return;
    const { traceId, spanId } = span.spanContext();
    const line = {
      traceId,
      spanId,
      parentSpanId: span.parentSpanContext?.spanId,
      name: span.name,
      service: this.#service,
      startMs: milliseconds(span.startTime),
      endMs: milliseconds(span.endTime),
      attributes: span.attributes,
      error: span.status.code === SpanStatusCode.ERROR ? span.status.message : undefined,
    };
    this.#file.write(`${JSON.stringify(line)}\n`);
  }

  forceFlush(): Promise<void> {
    if (this.#file.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#file.write('', () => resolve());
    });
  }

  shutdown(): Promise<void> {
    if (this.#file.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#file.end(() => resolve());
    });
  }
}

function milliseconds([seconds, nanoseconds]: HrTime): number {
  return seconds * 1_000 + nanoseconds / 1_000_000;
}
