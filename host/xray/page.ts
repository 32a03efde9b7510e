// One self-contained page of an x-ray: bars a layer, tensors as pictures.
import { GENERATOR } from '../options/outputs.js';
import type { LayerPicture } from './pictures.js';
import type { LayerReport, XrayOutput } from './xray.js';
import { escaped } from '../report/html.js';

const STYLE = `body{font:14px/1.5 system-ui,sans-serif;margin:1.5rem auto;max-width:76rem;padding:0 1rem;color:#222}
h1{font-size:1.3rem}h2{font-size:1rem;margin:1.2rem 0 .3rem}code{background:#f2f2ef;padding:.1rem .3rem}
table{border-collapse:collapse}th{text-align:left;font-weight:400;padding-right:1rem}thead th{color:#777}
td{text-align:right;padding-left:1rem;font-variant-numeric:tabular-nums}td.bar{width:14rem;text-align:left}
.bar i{display:block;height:.5rem;background:#3a7ca5}.bar i.own{background:#9bc53d;margin-top:1px}
tr.wrong th{color:#c62828;font-weight:600}tr.wrong .bar i{background:#d1495b}
#verdict{border-left:4px solid #6a994e;padding-left:.8rem}#verdict.wrong{border-color:#c62828}
figure{margin:.4rem 1rem .4rem 0;display:inline-block;vertical-align:top}figcaption{color:#777;font-size:12px}
canvas{image-rendering:pixelated;background:#eee}`;

/** dB that fill a bar. */
const FULL_DB = 60;

const short = (value: number): string => `${Number(value.toPrecision(3))}`;
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
const width = (db: number): string => ((Math.max(0, Math.min(FULL_DB, db)) / FULL_DB) * 100).toFixed(1);

function row(layer: LayerReport): string {
  const compared = layer.reference !== undefined;
  const bars = compared
    ? `<i style="width:${width(layer.sqnrDb)}%"></i><i class="own" style="width:${width(layer.ownSqnrDb)}%"></i>`
    : '';
  const cells = [
    compared ? layer.sqnrDb.toFixed(1) : '–',
    compared ? layer.ownSqnrDb.toFixed(1) : '–',
    compared ? short(layer.meanError) : '–',
    compared ? short(layer.maxError) : '–',
    percent(layer.saturatedShare),
    `${layer.deadChannels}/${layer.channels}`,
    percent(layer.rangeUsed),
  ];
  const name = `<th>${escaped(layer.name)}</th><th>${escaped(layer.kernel)}</th><th>${layer.shape.join('×')}</th>`;
  const rest = cells.map((cell) => `<td>${cell}</td>`).join('');
  return `<tr${layer.sound ? '' : ' class="wrong"'}>${name}<td class="bar">${bars}</td>${rest}</tr>`;
}

function verdict({ faults }: XrayOutput): string {
  const [first, ...later] = faults;
  if (!first) return '<p id="verdict">Every layer is what the model computes, but for rounding.</p>';
  const more = later.map(({ layer, summary }) => `<br>Then in ${escaped(layer)}: ${escaped(summary)}`);
  const also = first.others.map((other) => `<br>Or: ${escaped(other)}`);
  const lines = [
    `Goes wrong first in <b>${escaped(first.layer)}</b>: ${escaped(first.summary)}`,
    ...also,
    ...more,
  ];
  return `<p id="verdict" class="wrong">${lines.join('')}</p>`;
}

/** What the script draws: width, height and base64 of each picture. */
function drawings(pictures: readonly LayerPicture[]): object[] {
  return pictures.map(({ name, device, reference, error }) => {
    const parts = Object.entries({ device, reference, error }).flatMap(([what, grey]) => {
      return grey ? [[what, grey.width, grey.height, Buffer.from(grey.pixels).toString('base64')]] : [];
    });
    return { name, parts };
  });
}

const SCRIPT = `for (const { name, parts } of D) {
  const section = document.createElement('section'), title = document.createElement('h2');
  title.textContent = name; section.append(title);
  for (const [what, w, h, text] of parts) {
    const figure = document.createElement('figure'), canvas = document.createElement('canvas');
    canvas.width = w; canvas.height = h;
    const zoom = Math.max(1, Math.min(8, Math.floor(330 / w)));
    canvas.style.width = w * zoom + 'px'; canvas.style.height = h * zoom + 'px';
    const image = new ImageData(w, h), bytes = atob(text);
    for (let i = 0; i < w * h; i++) {
      const v = bytes.charCodeAt(i);
      image.data.set(what === 'error' ? [255, 255 - v, 255 - v, 255] : [v, v, v, 255], i * 4);
    }
    canvas.getContext('2d').putImageData(image, 0, 0);
    const caption = document.createElement('figcaption');
    caption.textContent = what;
    figure.append(canvas, caption); section.append(figure);
  }
  document.getElementById('pictures').append(section);
}`;

/** The page. `command`: the line that makes it again. */
export function xrayHtml(result: XrayOutput, command: string): string {
  const data = JSON.stringify(drawings(result.pictures)).replaceAll('<', '\\u003c');
  const heads = [
    'layer',
    'kernel',
    'shape',
    'SQNR, own below',
    'SQNR dB',
    'own dB',
    'mean error',
    'max error',
    'saturated',
    'dead',
    'range used',
  ];
  const from = result.source === 'log' ? 'a log of the device' : 'the simulated device';
  return `<!doctype html>
<html lang="en"><meta charset="utf-8">${GENERATOR}<title>X-ray of ${escaped(result.name)}</title>
<meta name="viewport" content="width=device-width"><style>${STYLE}</style>
<h1>X-ray of ${escaped(result.name)}: ${result.samples} samples, ${from}</h1>
<p><code>${escaped(command)}</code></p>
${verdict(result)}
<table id="layers"><thead><tr>${heads.map((head) => `<th>${head}</th>`).join('')}</tr></thead>
<tbody>${result.layers.map(row).join('\n')}</tbody></table>
<p>SQNR: against the model on the same input (blue); own: on the values that the layer really had (green). Bars end
at ${FULL_DB} dB.</p>
<h2>Tensors of the first sample</h2>
<div id="pictures"></div>
<script>const D=${data};
${SCRIPT}</script></html>
`;
}
