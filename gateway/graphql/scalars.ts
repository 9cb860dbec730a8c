import { Slots } from '@orrery/bus';

export interface ScalarForm {
  serialize(value: unknown): unknown;
  /** Undefined when the value is not of the scalar. */
  parse(value: unknown): unknown;
  readonly expectation: string;
}

const INSTANT = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:\d{2})$/;

/** `DateTime` is milliseconds since the epoch in here, and ISO 8601 outside. */
export const scalarForms: Readonly<Record<string, ScalarForm>> = {
  DateTime: {
    serialize: (value) => (typeof value === 'number' ? isoInstant(value) : value),
    parse: (value) => {
      const atMs =
        typeof value === 'string' && INSTANT.test(value) ? Date.parse(value) : Number.NaN;
      return Number.isNaN(atMs) ? undefined : atMs;
    },
    expectation: 'an instant is written 2026-11-20T12:00:00.000Z',
  },
  JSON: {
    serialize: (value) => value,
    parse: (value) => value,
    expectation: 'any JSON value will do',
  },
  Slots: {
    serialize: (value) => value,
    parse: (value) => Slots.safeParse(value).data,
    expectation: 'amounts by slot name, as decimal text with at most 3 decimals',
  },
};

export function isoInstant(atMs: number): string {
  return new Date(atMs).toISOString();
}
