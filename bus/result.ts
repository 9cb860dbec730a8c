/** A decision the caller must look at: `ok` with a value, or a refusal tagged by its code. */
export type Result<Value, Refusal> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly error: Refusal };

export function ok<Value>(value: Value): { readonly ok: true; readonly value: Value } {
  return { ok: true, value };
}

export function err<Refusal>(error: Refusal): { readonly ok: false; readonly error: Refusal } {
  return { ok: false, error };
}

/** For the branch the compiler proves empty. @throws always: a reached branch is a defect. */
export function unreachable(value: never): never {
  throw new Error(`unreachable value: ${JSON.stringify(value)}`);
}

/** A value that the order of events guarantees. @throws when it is absent: the log is broken. */
export function known<Value>(value: Value | undefined | null): Value {
  if (value === undefined || value === null)
    throw new Error('a value the log guarantees is absent');
  return value;
}
