// "Did you mean": the known name that is nearest to what was typed.

/** Insertions, deletions, replacements and swaps of neighbours that make `b` of `a` (Damerau 1964, restricted). */
function distance(a: string, b: string): number {
  const rows: number[][] = [];
  for (let i = 0; i <= a.length; i++) {
    const row: number[] = [];
    for (let j = 0; j <= b.length; j++) {
      if (i === 0 || j === 0) {
        row.push(i + j);
        continue;
      }
      const same = a[i - 1] === b[j - 1];
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const [above, left, before] = [rows[i - 1]![j]!, row[j - 1]!, rows[i - 1]![j - 1]!];
      const least = Math.min(above + 1, left + 1, before + (same ? 0 : 1));
      row.push(swapped ? Math.min(least, rows[i - 2]![j - 2]! + 1) : least);
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}

const plain = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]/g, '');

/** The name nearest to `typed`, if one is near: at most a third of its letters differ, or it begins as typed. */
export function nearest(typed: string, names: readonly string[]): string | undefined {
  const asked = plain(typed);
  if (asked === '') return undefined;
  const ranked = names
    .map((name) => ({ name, steps: distance(asked, plain(name)) }))
    .sort((a, b) => a.steps - b.steps);
  const [best] = ranked;
  if (best && best.steps <= Math.max(1, Math.floor(asked.length / 3))) return best.name;
  const begun = names.filter((name) => asked.length >= 3 && plain(name).startsWith(asked));
  return begun.length === 1 ? begun[0] : undefined;
}

/** A hint for a name that is not known: the nearest, or `otherwise`. */
export function didYouMean(
  typed: string,
  names: readonly string[],
  otherwise = 'Name one of these.',
): string {
  const name = nearest(typed, names);
  return name === undefined ? otherwise : `Did you mean "${name}"?`;
}
