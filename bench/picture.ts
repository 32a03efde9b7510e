// The picture of `npm run bench`: how long each runtime takes on each model, as bars, this system's SIMD build being 1.
import type { ModelTime } from './models.js';

const [WIDTH, LABEL, BAR, HEAD] = [860, 330, 20, 34];
const escaped = (text: string): string => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');

/** An SVG of `times`, medians with quartiles; shorter is faster. */
export function modelPicture(times: readonly ModelTime[]): string {
  const models = [...new Set(times.map(({ model }) => model))];
  const room = WIDTH - LABEL - 90;
  const most = Math.log2(Math.max(...times.map(({ ratio }) => ratio[2]), 2)) + 3;
  const x = (ratio: number): number => LABEL + (room * (Math.log2(Math.max(ratio, 1 / 8)) + 3)) / most;
  const parts: string[] = [];
  let y = HEAD;
  for (const model of models) {
    parts.push(`<text x="8" y="${y + 14}" font-weight="bold">${escaped(model)}</text>`);
    y += BAR + 4;
    for (const { runtime, us, ratio } of times.filter((time) => time.model === model)) {
      const [low, middle, high] = ratio;
      const colour = runtime.startsWith('brownout') ? '#d9822b' : '#7a869a';
      const [from, to] = [x(0), x(middle)];
      const line = `x1="${x(low).toFixed(1)}" x2="${x(high).toFixed(1)}" y1="${y + 8}" y2="${y + 8}"`;
      parts.push(
        `<text x="${LABEL - 8}" y="${y + 13}" text-anchor="end">${escaped(runtime)}</text>`,
        `<rect x="${from}" y="${y}" width="${(to - from).toFixed(1)}" height="16" fill="${colour}"/>`,
        `<line ${line} stroke="#222"/>`,
        `<text x="${WIDTH - 84}" y="${y + 13}">${us.toFixed(1)} µs</text>`,
      );
      y += BAR;
    }
    y += 12;
  }
  const title =
    'Time an inference, brownout with a module of its own = 1; logarithmic, line: quartiles. Measured.';
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${y}" fill="#fff"/>`,
    `<text x="8" y="20">${title}</text>`,
    ...parts,
    '</svg>',
    '',
  ].join('\n');
}
