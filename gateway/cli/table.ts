/** A column; one with a greater `rank` is left out first where there is no room. */
export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string;
  readonly rank?: number;
  /** Numbers stand at the right. */
  readonly side?: 'left' | 'right';
  /** Colours a cell that has its final width. */
  readonly paint?: (text: string, row: Row) => string;
}

export interface TableOptions {
  readonly width: number;
  /** Whether the last resort is to cut a long cell; a pipe gets everything. */
  readonly overflow: 'cut' | 'keep';
}

const GAP = 2;
const CELL_WIDTH_MIN = 8;

/** Lines of a table: the header and a line for each row. */
export function tableLines<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  { width, overflow }: TableOptions,
): readonly string[] {
  const measured = columns.map((column) => ({
    column,
    width: Math.max(column.title.length, ...rows.map((row) => column.cell(row).length)),
  }));
  const shown = fitting(measured, width);
  const excess = totalWidth(shown) - width;
  if (overflow === 'cut' && excess > 0) {
    const widest = shown.reduce((left, right) => (right.width > left.width ? right : left));
    widest.width = Math.max(CELL_WIDTH_MIN, widest.width - excess);
  }
  const header = shown.map(({ column, width: cellWidth }) =>
    place(column.title, cellWidth, column),
  );
  const lines = rows.map((row) =>
    shown.map(({ column, width: cellWidth }) => {
      const text = place(column.cell(row), cellWidth, column);
      return column.paint === undefined ? text : column.paint(text, row);
    }),
  );
  return [header, ...lines].map((cells) => cells.join(' '.repeat(GAP)).trimEnd());
}

interface Measured<Row> {
  readonly column: Column<Row>;
  width: number;
}

function fitting<Row>(columns: readonly Measured<Row>[], width: number): readonly Measured<Row>[] {
  const [least] = columns
    .filter(({ column }) => (column.rank ?? 0) > 0)
    .toSorted((left, right) => (right.column.rank ?? 0) - (left.column.rank ?? 0));
  if (least === undefined || totalWidth(columns) <= width) return columns;
  return fitting(
    columns.filter((column) => column !== least),
    width,
  );
}

function totalWidth<Row>(columns: readonly Measured<Row>[]): number {
  return columns.reduce((sum, { width }) => sum + width, 0) + GAP * (columns.length - 1);
}

function place<Row>(text: string, width: number, { side }: Column<Row>): string {
  const cut = text.length > width ? `${text.slice(0, width - 1)}…` : text;
  return side === 'right' ? cut.padStart(width) : cut.padEnd(width);
}

/** Lines of `name  value`, without those that have no value. */
export function cardLines(
  entries: readonly (readonly [name: string, value: string | null | undefined])[],
): readonly string[] {
  const present = entries.filter(([, value]) => value !== null && value !== undefined);
  const width = Math.max(...present.map(([name]) => name.length)) + GAP;
  return present.map(([name, value]) => `${name.padEnd(width)}${value}`.trimEnd());
}
