// `node dist/scripts/plot-vcap.js out.svg`: measured capacitor voltages and the model's, fitted on one run, over each other.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fitVcap, predictVcap, vcapRuns } from '../samples/vcap.js';

const [WIDTH, HEIGHT, LEFT] = [900, 150, 60];
const data = process.env['BROWNOUT_DATA'];
const out = process.argv[2];
if (data === undefined || out === undefined) {
  console.error('usage: BROWNOUT_DATA=… node dist/scripts/plot-vcap.js out.svg');
  process.exit(2);
}
const runs = vcapRuns(join(data, 'traces/bfree_solar_vcap'));
const fitted = runs.find(({ name }) => name.includes('normal-100_100'))!;
const { curve, onMs, offMs } = predictVcap(fitVcap(fitted));
const period = onMs + offMs;

const line = (points: readonly (readonly [number, number])[], top: number, colour: string): string => {
  const at = points.map(([ms, volts]) => {
    const x = LEFT + (ms / 4300) * (WIDTH - LEFT);
    return `${x.toFixed(1)},${(top + HEIGHT - ((volts - 2.7) / 1.4) * HEIGHT).toFixed(1)}`;
  });
  return `<polyline fill="none" stroke="${colour}" points="${at.join(' ')}"/>`;
};

const panels = runs.map((run, i) => {
  const top = i * (HEIGHT + 40) + 30;
  const from = run.timeMs[run.volts.indexOf(run.turnOnV)]!;
  const measured = run.timeMs.map((ms, j) => [ms, run.volts[j]!] as const).filter((_, j) => j % 4 === 0);
  // The model's turn-on is laid over the measured one; before and behind it the cycle goes on.
  const model = [-1, 0, 1]
    .flatMap((cycle) => curve.map(([ms, volts]) => [ms + from - offMs + cycle * period, volts] as const))
    .filter(([ms]) => ms >= 0 && ms <= run.timeMs.at(-1)!);
  const errors = `on ${((onMs / run.onMs - 1) * 100).toFixed(1)} %, off ${((offMs / run.offMs - 1) * 100).toFixed(1)} %`;
  const note = run === fitted ? ' (fitted on this run)' : `: ${errors}`;
  console.log(`${run.name}${note}`);
  const title = `<text x="${LEFT}" y="${top - 6}">${run.name}${note}</text>`;
  return title + line(measured, top, '#999') + line(model, top, '#d1495b');
});
const height = runs.length * (HEIGHT + 40) + 20;
const size = `width="${WIDTH}" height="${height}"`;
writeFileSync(
  out,
  `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="12">${panels.join('')}</svg>\n`,
);
