import pc from 'picocolors';
import type { LayerReport, XrayResult } from './xray.js';
import { table } from '../report/text.js';

const short = (value: number): string => `${Number(value.toPrecision(3))}`;
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

function row(layer: LayerReport): string[] {
  const mark = layer.sound ? ' ' : '✗';
  const figures =
    layer.reference === undefined
      ? ['–', '–', '–', '–', '–']
      : [
          layer.reference,
          short(layer.meanError),
          short(layer.maxError),
          layer.sqnrDb.toFixed(1),
          layer.ownSqnrDb.toFixed(1),
        ];
  return [
    `${mark} ${layer.name}`,
    layer.kernel,
    layer.shape.join('×'),
    ...figures,
    percent(layer.saturatedShare),
    `${layer.deadChannels}/${layer.channels}`,
    percent(layer.rangeUsed),
  ];
}

/** A row a layer, and what is wrong. */
export function xrayText(result: XrayResult): string {
  const head = [
    '  layer',
    'kernel',
    'shape',
    'reference',
    'mean error',
    'max error',
    'SQNR dB',
    'own dB',
    'saturated',
    'dead',
    'range used',
  ];
  const [first, ...later] = result.faults;
  const of = `${result.samples} samples, ${result.source === 'log' ? 'from the device’s log' : 'simulated device'}`;
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
    table([head, ...result.layers.map(row)]),
    'SQNR: against the model on the same input; own: on the values that the layer really had',
    '',
    ...verdict,
  ].join('\n');
}
