// Text for a terminal of 80 columns.

/** Columns of a terminal. */
export const TERMINAL = 80;

/** The words of `text` in lines of at most `width` characters; a longer word has a line of its own. */
export function wrapped(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** A command line in lines that a shell takes as one, broken before options. */
export function wrappedCommand(command: string, indent: string): string {
  const lines: string[] = [];
  const room = TERMINAL - indent.length - 6;
  for (const part of command.split(/ (?=--?\w)/)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + part.length <= room)
      lines[lines.length - 1] = `${last} ${part}`;
    else lines.push(part);
  }
  return `${indent}${lines.join(` \\\n${indent}  `)}`;
}
