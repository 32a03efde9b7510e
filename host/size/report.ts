import type { SizeResult } from './size.js';
import { NOISE } from '../replay/report.js';
import { farads } from '../options/quantity.js';
import { sentences, table } from '../report/text.js';

const ms = (value: number): string => `${value.toFixed(value < 100 ? 1 : 0)} ms`;

/** A row a capacitor, and the two to take. */
export function sizeText({
  name,
  device,
  inferences,
  inputs,
  rows,
  smallestUf,
  fastestUf,
  notes,
}: SizeResult): string {
  const cells = rows.map((row) => [
    farads(row.capacitorUf),
    row.works ? 'works' : row.error!,
    row.works ? `${row.cuts}` : '',
    row.latencyMs ? ms(row.latencyMs.median) : '',
    row.latencyMs ? ms(row.latencyMs.max) : '',
    row.firstAnswerMs === null ? '' : ms(row.firstAnswerMs),
  ]);
  const advice =
    smallestUf === null
      ? 'none works'
      : `smallest that works: ${farads(smallestUf)}; least median latency: ${farads(fastestUf!)}`;
  const on = inputs === 'noise' ? NOISE : '';
  return [
    `${name} on ${device}, ${inferences} inference${inferences === 1 ? '' : 's'} each, simulated${on}:`,
    ...sentences(notes),
    '',
    table([['capacitor', '', 'cuts', 'latency', 'longest', 'first answer'], ...cells]),
    '',
    advice,
  ].join('\n');
}
