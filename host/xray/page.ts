// One self-contained page of an x-ray: figures a layer, a chart of them, tensors as pictures.
import type { Chart } from '../report/chart.js';
import { csvOf, escaped } from '../report/html.js';
import { figure, htmlPage } from '../report/page.js';
import { count } from '../report/text.js';
import { BLANK, type LayerPicture } from './pictures.js';
import { decibels, isExact } from './statistics.js';
import type { LayerReport, XrayOutput } from './xray.js';

/** dB that fill a bar. */
const FULL_DB = 60;

const short = (value: number): string => `${Number(value.toPrecision(3))}`;
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
const width = (db: number): string => ((Math.max(0, Math.min(FULL_DB, db)) / FULL_DB) * 100).toFixed(1);

const HEADS = [
  ...['layer', 'kernel', 'shape', 'SQNR, own below', 'SQNR dB', 'own dB', 'mean error', 'max error'],
  ...['saturated', 'dead', 'range used'],
];

function row(layer: LayerReport): string {
  const compared = layer.reference !== undefined;
  const bars = compared
    ? `<i style="width:${width(layer.sqnrDb)}%"></i><i class="own" style="width:${width(layer.ownSqnrDb)}%"></i>`
    : '';
  const cells = [
    compared ? decibels(layer.sqnrDb) : '–',
    compared ? decibels(layer.ownSqnrDb) : '–',
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

/** SQNR along the network, against the model and of the layer alone. */
function chartOf(layers: readonly LayerReport[]): Chart {
  const shown = layers.filter(({ reference }) => reference !== undefined);
  const ratios = shown.flatMap(({ sqnrDb, ownSqnrDb }) => [sqnrDb, ownSqnrDb]).filter((db) => !isExact(db));
  const most = Math.max(FULL_DB, ...ratios);
  /** What is exact reaches the top. */
  const height = (db: number): number => Math.max(0, isExact(db) ? most : db);
  const bar = (style: string, what: string, x: number, name: string, db: number) =>
    ({
      kind: 'bar',
      style,
      x,
      y: height(db),
      width: 0.36,
      title: `${name}, ${what}: ${decibels(db)}${isExact(db) ? '' : ' dB'}`,
    }) as const;
  return {
    label: 'Signal over error of each layer (SQNR)',
    width: 1100,
    x: { label: 'layer', unit: '', from: -0.6, to: Math.max(0, shown.length - 1) + 0.6 },
    names: shown.map(({ name }) => name),
    panels: [
      {
        kind: 'plot',
        height: 180,
        y: { label: 'SQNR', unit: 'dB', from: 0, to: most * 1.06 },
        marks: shown.flatMap(({ name, sqnrDb, ownSqnrDb }, i) => [
          bar('bar', 'against the model on the same input', i - 0.36, name, sqnrDb),
          bar('own', 'on the values that the layer really had', i, name, ownSqnrDb),
        ]),
      },
    ],
    legend: [
      ['against the model on the same input', 'bar'],
      ['own: on the values that the layer really had', 'own'],
    ],
  };
}

const csvOfLayers = (layers: readonly LayerReport[]): string =>
  csvOf(
    [
      ...['layer', 'kernel', 'shape', 'sqnr_db', 'own_sqnr_db', 'mean_error', 'max_error'],
      ...['saturated_share', 'dead_channels', 'channels', 'range_used', 'sound'],
    ],
    layers.map((layer) => {
      const compared = layer.reference !== undefined;
      const figures = compared
        ? [layer.sqnrDb, layer.ownSqnrDb, layer.meanError, layer.maxError]
        : ['', '', '', ''];
      const own = [
        layer.saturatedShare,
        layer.deadChannels,
        layer.channels,
        layer.rangeUsed,
        layer.sound ? 1 : 0,
      ];
      return [layer.name, layer.kernel, layer.shape.join('x'), ...figures, ...own];
    }),
  );

/** What a person must know to read a layer's pictures. */
function captionOf({ low, high, mostError, shown, channels, step }: LayerPicture): string {
  const all =
    shown === channels ? `all ${count(channels)} channels` : `${count(shown)} of ${count(channels)} channels`;
  return [
    channels === 1 ? '1 channel' : all,
    ...(step > 1 ? [`one value of ${step}×${step}`] : []),
    `black ${short(low)}, white ${short(high)}`,
    ...(mostError === undefined ? [] : [`error: white 0, red ${short(mostError)}`]),
  ].join('; ');
}

/** What the script draws: width, height and base64 of each picture. */
function drawings(pictures: readonly LayerPicture[]): object[] {
  return pictures.map((picture) => {
    const { name, device, reference, error } = picture;
    const parts = Object.entries({ device, reference, error }).flatMap(([what, grey]) => {
      return grey ? [[what, grey.width, grey.height, Buffer.from(grey.pixels).toString('base64')]] : [];
    });
    return { name, caption: captionOf(picture), parts };
  });
}

const SCRIPT = `for (const { name, caption, parts } of D) {
  const section = document.createElement('section'), title = document.createElement('h3'), note = document.createElement('p');
  title.textContent = name; note.textContent = caption; note.className = 'note'; section.append(title, note);
  for (const [what, w, h, text] of parts) {
    const figure = document.createElement('figure'), canvas = document.createElement('canvas');
    canvas.width = w; canvas.height = h;
    const zoom = Math.max(1, Math.min(8, Math.floor(330 / w)));
    canvas.style.width = w * zoom + 'px'; canvas.style.height = h * zoom + 'px';
    const image = new ImageData(w, h), bytes = atob(text);
    for (let i = 0; i < w * h; i++) {
      const v = bytes.charCodeAt(i);
      if (v === ${BLANK}) continue;
      const s = Math.round((v * 255) / ${BLANK - 1});
      image.data.set(what === 'error' ? [255, 255 - s, 255 - s, 255] : [s, s, s, 255], i * 4);
    }
    canvas.getContext('2d').putImageData(image, 0, 0);
    const caption = document.createElement('figcaption');
    caption.textContent = what;
    figure.append(canvas, caption); section.append(figure);
  }
  document.getElementById('pictures').append(section);
}`;

/** Pictures keep their own colours on light and dark paper; what shows no value is hatched. */
const PICTURES = `<style>#pictures figure{display:inline-block;vertical-align:top;margin:.2rem 1rem .4rem 0}#pictures p{margin:0}
h3{font-size:1rem;font-weight:600;margin:1.2rem 0 0}canvas{image-rendering:pixelated;
background:repeating-linear-gradient(45deg,var(--fill) 0 3px,var(--rule) 3px 4px)}
#layers td{white-space:nowrap;padding-right:.7rem}
#verdict{border-left:4px solid var(--good);padding-left:.8rem}#verdict.wrong{border-color:var(--bad)}</style>`;

/** The page. `command`: the line that makes it again. */
export function xrayHtml(result: XrayOutput, command: string): string {
  const data = JSON.stringify(drawings(result.pictures)).replaceAll('<', '\\u003c');
  const from = result.source === 'log' ? 'a log of the device' : 'the simulated device';
  return htmlPage({
    title: `X-ray of ${result.name}: ${result.samples} samples`,
    subtitle: `Values are those of ${from}; what is right is computed from the model in real arithmetic.`,
    command,
    origin: result.origin,
    estimates: undefined,
    body: `${PICTURES}${verdict(result)}
${figure(chartOf(result.layers), 'layers', csvOfLayers(result.layers))}
<div class="wide"><table id="layers"><thead><tr>${HEADS.map((head) => `<th>${head}</th>`).join('')}</tr></thead>
<tbody>${result.layers.map(row).join('\n')}</tbody></table></div>
<p class="note">Bars of the table end at ${FULL_DB} dB.</p>
<h2>Tensors of the first sample</h2>
<div id="pictures"></div>`,
    script: `const D=${data};\n${SCRIPT}`,
  });
}
