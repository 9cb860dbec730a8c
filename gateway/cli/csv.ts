/** Comma-separated values (RFC 4180) with a header; the columns are those of the table that people see. */
export function csvText<Row>(
  rows: readonly Row[],
  columns: readonly { readonly name: string; readonly value: (row: Row) => string | null }[],
): string {
  const lines = [
    columns.map(({ name }) => name),
    ...rows.map((row) => columns.map(({ value }) => value(row) ?? '')),
  ];
  return lines.map((cells) => `${cells.map(csvCell).join(',')}\r\n`).join('');
}

/** Names are other people's: none of them becomes a formula where the file is opened. */
function csvCell(text: string): string {
  const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
