// What the pages share.

/** Text for HTML and SVG. A function with a name: charts take it into pages. */
export function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

/** Text of a cell, or HTML as it is. */
export type Cell = string | { html: string };

/** A table with heads; the first cell of a row is its head. */
export function htmlTable(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const content = (cell: Cell): string => (typeof cell === 'string' ? escaped(cell) : cell.html);
  const cells = (row: readonly Cell[], tag: string): string =>
    `<tr>${row.map((cell, i) => `<${i === 0 ? 'th' : tag}>${content(cell)}</${i === 0 ? 'th' : tag}>`).join('')}</tr>`;
  const body = rows.map((row) => cells(row, 'td')).join('\n');
  return `<div class="wide"><table><thead>${cells(head, 'th')}</thead>\n<tbody>${body}</tbody></table></div>`;
}

/** Names, values and notes; what went wrong (`NO`) stands out. */
export function factsTable(rows: readonly (readonly [name: string, value: string, note?: string])[]): string {
  const lines = rows.map(([name, value, note = '']) => {
    const wrong = value === 'NO' ? ' class="wrong"' : '';
    return `<tr><th>${escaped(name)}</th><td${wrong}>${escaped(value)}</td><td class="note">${escaped(note)}</td></tr>`;
  });
  return `<table class="facts">${lines.join('\n')}</table>`;
}

/** Rows as CSV: commas, points, cells quoted where they must be. */
export function csvOf(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cell = (value: string | number): string => {
    const text = String(value);
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [head, ...rows].map((row) => `${row.map(cell).join(',')}\n`).join('');
}
