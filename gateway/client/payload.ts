import { type RefusalParts, ResponseUnexpected } from './errors.ts';
import { refusalOf } from './response.ts';

export interface Rejectable {
  readonly rejection: RefusalParts | null;
}

export type Nullable<Type> = { readonly [Key in keyof Type]: Type[Key] | null };

/**
 * The gateway serialises its answers by its schema, and a test holds the documents and the types
 * of the model against it: parsing every answer a second time would only make a client slow to start.
 */
export function shaped<Shape>(value: unknown): Shape {
  return value as Shape;
}

/** The payload of a mutation. @throws {OperationRefused} when it holds a rejection. */
export function accepted<Payload>(value: unknown): Payload {
  const payload = shaped<Payload & Rejectable>(value);
  if (payload.rejection !== null) throw refusalOf(payload.rejection);
  return payload;
}

/** @throws {ResponseUnexpected} when the payload holds neither a result nor a rejection. */
export function given<Value>(value: Value | null): Value {
  if (value === null) {
    throw new ResponseUnexpected('the answer holds neither a result nor a rejection');
  }
  return value;
}
