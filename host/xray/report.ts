import pc from 'picocolors';
import type { LayerReport, XrayResult } from './xray.js';
import { decibels } from './statistics.js';
import { table } from '../report/text.js';

const short = (value: number): string => `${Number(value.toPrecision(3))}`;
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

const marked = ({ sound, name }: LayerReport): string => `${sound ? ' ' : '✗'} ${name}`;

/** How near a layer is to the reference's. */
function nearness(layer: LayerReport): string[] {
  const { kernel, shape, reference, sqnrDb, ownSqnrDb } = layer;
  const figures =
    reference === undefined ? ['–', '–', '–'] : [reference, decibels(sqnrDb), decibels(ownSqnrDb)];
  return [marked(layer), kernel, shape.join('×'), ...figures];
}

/** Where its errors and values lie. */
function values(layer: LayerReport): string[] {
  const { reference, meanError, maxError, saturatedShare, deadChannels, channels, rangeUsed } = layer;
  const errors = reference === undefined ? ['–', '–'] : [short(meanError), short(maxError)];
  return [
    marked(layer),
    ...errors,
    percent(saturatedShare),
    `${deadChannels}/${channels}`,
    percent(rangeUsed),
  ];
}

/** Two rows a layer, and what is wrong. */
export function xrayText(result: XrayResult): string {
  const [first, ...later] = result.faults;
  const of = `${result.samples} samples, ${result.device === null ? 'from the device’s log' : `simulated on ${result.device}`}`;
  const verdict = first
    ? [
        `${pc.red('goes wrong first in')} ${first.layer}: ${first.summary}`,
        ...first.others.map((other) => `  or: ${other}`),
        ...later.map(({ layer, summary }) => `then in ${layer}: ${summary}`),
      ]
    : ['every layer is what the model computes, but for rounding'];
  return [
    `${result.name}, ${of}:`,
    '',
    table([['  layer', 'kernel', 'shape', 'reference', 'SQNR dB', 'own dB'], ...result.layers.map(nearness)]),
    '',
    table([
      ['  layer', 'mean error', 'max error', 'saturated', 'dead', 'range used'],
      ...result.layers.map(values),
    ]),
    'SQNR: against the model on the same input; own: on the values that the layer had',
    '',
    ...verdict,
  ].join('\n');
}
