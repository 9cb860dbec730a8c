/** The little of the package pg that is used by its own name; it brings no types. */
declare module 'pg' {
  export interface CopyTarget {
    query(sql: string): void;
    sendCopyFromChunk(chunk: Uint8Array): void;
    endCopyFrom(): void;
  }

  /** What a connection asks of a statement that speaks to it by itself. */
  export interface Submittable {
    submit(connection: CopyTarget): void;
    handleCopyInResponse(connection: CopyTarget): void;
    handleCommandComplete(): void;
    handleReadyForQuery(): void;
    handleError(error: Error): void;
  }

  export class Client {
    constructor(
      options:
        | string
        | {
            readonly connectionString: string;
            readonly ssl?: { readonly ca?: string; readonly cert?: string; readonly key?: string };
          },
    );
    connect(): Promise<void>;
    query<Row>(sql: string): Promise<{ readonly rows: readonly Row[] }>;
    query(statement: Submittable): Submittable;
    on(event: 'error', listener: (error: Error) => void): this;
    end(): Promise<void>;
  }

  export class Pool {
    constructor(options: { readonly connectionString: string; readonly max: number });
    query<Row>(statement: {
      readonly name: string;
      readonly text: string;
      readonly values: readonly unknown[];
    }): Promise<{ readonly rows: readonly Row[] }>;
  }
}
