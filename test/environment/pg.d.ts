/** The little of the package pg that suites need; it brings no types of its own. */
declare module 'pg' {
  export class Client {
    constructor(url: string);
    connect(): Promise<void>;
    query<Row>(sql: string): Promise<{ readonly rows: readonly Row[] }>;
    end(): Promise<void>;
  }
}
