// `npm run drawings [-- --check]`: the drawings of the documents, docs/*.svg. The first is a replay's own timeline; the others
// show how memory is laid out, with sizes of the image that ships. The same bytes on every machine.
import { STATE_BYTES } from '../assembly/layout.js';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { readNpy } from '../host/data/npy.js';
import { readImage } from '../host/model/image.js';
import { replay } from '../host/replay/replay.js';
import { count } from '../host/report/text.js';

const root = new URL('../../', import.meta.url);
const file = (path: string): Uint8Array => new Uint8Array(readFileSync(new URL(path, root)));

/** Colours that can be told apart by people who see few, on white and on black. */
const COLOURS = ['#3a7ca5', '#d98e04', '#5b8c5a', '#b5495b', '#7a5ea8', '#4aa3a2'];
const STYLE = `text{font:13px system-ui,sans-serif;fill:#444}.small{font-size:11px}.strong{font-weight:600}
.line{fill:none;stroke:#888;stroke-width:1}.cut{stroke:#c0392b;stroke-width:1.5}.volts{fill:none;stroke:#3a7ca5;stroke-width:1.6}
.rule{stroke:#999;stroke-dasharray:3 4}.box{stroke:#888;fill:#8881}.free{stroke:#888;fill:none;stroke-dasharray:4 3}
@media (prefers-color-scheme:dark){text{fill:#ccc}.line,.box,.free{stroke:#999}}`;

/** Two digits after the point at most. */
const short = (value: number): string => String(Math.round(value * 100) / 100);
const text = (x: number, y: number, content: string, more = ''): string =>
  `<text x="${short(x)}" y="${short(y)}"${more}>${content}</text>`;
const rect = (x: number, y: number, width: number, height: number, more: string): string =>
  `<rect x="${short(x)}" y="${short(y)}" width="${short(width)}" height="${short(height)}" ${more}/>`;

function svg(width: number, height: number, title: string, body: readonly string[]): string {
  const size = `viewBox="0 0 ${width} ${height}" width="${width}" height="${height}"`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${size} role="img">`,
    `<title>${title}</title>`,
    `<style>${STYLE}</style>`,
    ...body,
    '</svg>\n',
  ].join('\n');
}

/** One inference of the digits image on weak radio power: voltage, tiles by op, cuts, and the answer. */
function overview(): string {
  const input = readNpy(file('checkpoints/digits-samples.npy'));
  const options = {
    input,
    inferences: 1,
    trace: 'rf:on_uw=16000,mean_on_ms=5,mean_off_ms=14',
    onLow: 'run',
    capacitorUf: 47,
  } as const;
  const { timeline, ops, thresholdsV } = replay(file('checkpoints/digits.brn'), {
    ...options,
    timeline: true,
  });
  if (!timeline) throw new Error('a replay without its timeline');
  const [left, right, top, floor] = [60, 820, 34, 190];
  const endUs = timeline.inferences.at(-1)!.toUs;
  const x = (timeUs: number): number => left + ((right - left) * timeUs) / endUs;
  const { turnOn, turnOff } = thresholdsV;
  const [low, high] = [turnOff - 0.1, turnOn + 0.1];
  const y = (volts: number): number => floor - ((floor - top) * (volts - low)) / (high - low);
  const points = timeline.volts.filter(({ timeUs }) => timeUs <= endUs);
  const line = points.map(({ timeUs, volts }) => `${short(x(timeUs))},${short(y(volts))}`).join(' ');
  const tiles = timeline.tiles.filter(({ fromUs }) => fromUs <= endUs);
  const bars = tiles.map(({ fromUs, toUs, op }) =>
    rect(x(fromUs), 212, Math.max(x(toUs) - x(fromUs), 0.6), 26, `fill="${COLOURS[op % COLOURS.length]}"`),
  );
  const cuts = timeline.cuts.filter((cut) => cut <= endUs);
  return svg(890, 300, 'One inference through power failures', [
    text(left, 20, `one inference, ${cuts.length} power failures (simulated)`, ' class="strong"'),
    ...(
      [
        ['turns on', turnOn],
        ['turns off', turnOff],
      ] as const
    ).flatMap(([name, volts]) => [
      `<path class="rule" d="M${left} ${short(y(volts))}H${right}"/>`,
      text(right + 4, y(volts) + 4, name, ' class="small"'),
      text(left - 6, y(volts) + 4, `${volts} V`, ' class="small" text-anchor="end"'),
    ]),
    `<polyline class="volts" points="${line}"/>`,
    ...cuts.map((cut) => `<path class="cut" d="M${short(x(cut))} ${top}V242"/>`),
    ...bars,
    text(left - 6, 229, 'work', ' class="small" text-anchor="end"'),
    `<path class="line" d="M${left} 248H${right}"/>`,
    text(left, 264, '0', ' class="small"'),
    text(right, 264, `${(endUs / 1000).toFixed(0)} ms`, ' class="small" text-anchor="end"'),
    ...ops.flatMap(({ name }, op) => [
      rect(left + op * 90, 280, 11, 11, `fill="${COLOURS[op % COLOURS.length]}"`),
      text(left + op * 90 + 16, 290, name, ' class="small"'),
    ]),
    `<path class="cut" d="M${left + ops.length * 90 + 6} 279V293"/>`,
    text(left + ops.length * 90 + 14, 290, 'power fails', ' class="small"'),
  ]);
}

/** A plan: ops cut into tiles, the cursor, and where a cut goes back to. */
function plan(): string {
  const ops = ['conv1', 'pool1', 'conv2', 'fc1'];
  const tilesOf = [7, 4, 6, 5];
  const [left, top, size, gap] = [20, 60, 22, 4];
  const body: string[] = [
    text(left, 24, 'a plan is a list of ops, an op a list of tiles', ' class="strong"'),
  ];
  let x = left;
  let done = 0;
  const [committed, running] = [13, 16];
  let committedX = 0;
  let runningX = 0;
  ops.forEach((name, op) => {
    body.push(text(x, top - 8, name, ' class="small"'));
    for (let tile = 0; tile < tilesOf[op]!; tile++, done++) {
      const kind =
        done < committed
          ? `fill="${COLOURS[op]}"`
          : done < running
            ? `fill="${COLOURS[op]}" fill-opacity=".35"`
            : 'class="free"';
      body.push(rect(x, top, size, size, kind));
      if (done === committed) committedX = x - gap / 2;
      if (done === running) runningX = x - gap / 2;
      x += size + gap;
    }
    x += 14;
  });
  const under = top + size;
  return svg(x + 180, 160, 'Ops, tiles and the cursor', [
    ...body,
    `<path class="line" d="M${short(committedX)} ${under}v26"/>`,
    text(committedX, under + 40, 'the cursor: committed, in NVM', ' text-anchor="end"'),
    `<path class="cut" d="M${short(runningX)} ${top - 4}V${under + 8}"/>`,
    text(runningX + 4, under + 22, 'power fails', ' class="small"'),
    `<path class="line" d="M${short(runningX)} ${under + 50}H${short(committedX)}l6 -4m-6 4l6 4"/>`,
    text(
      runningX + 6,
      under + 54,
      'go on at the cursor: these tiles run again, and write the same bytes',
      ' class="small"',
    ),
  ]);
}

/** The two slots of the cursor over four commits, one of them torn. */
function slots(): string {
  const rows: [string, string, string][] = [
    ['committed 7', '6', '7'],
    ['writing 8 where 6 was', '6 → 8', '7'],
    ['power fails on the way', 'torn', '7'],
    ['boot: 7 is the newest that is whole', 'torn', '7'],
    ['committed 8', '8', '7'],
  ];
  const body = rows.flatMap(([what, a, b], i) => {
    const y = 50 + i * 34;
    const box = (x: number, value: string): string[] => [
      rect(x, y, 90, 24, value === 'torn' ? 'class="free"' : 'class="box"'),
      text(
        x + 45,
        y + 17,
        value === 'torn' ? 'CRC fails' : `sequence ${value}`,
        ' class="small" text-anchor="middle"',
      ),
    ];
    return [text(20, y + 17, what), ...box(290, a), ...box(400, b)];
  });
  return svg(520, 230, 'Two slots of the cursor', [
    text(335, 34, 'slot 0', ' class="small" text-anchor="middle"'),
    text(445, 34, 'slot 1', ' class="small" text-anchor="middle"'),
    ...body,
  ]);
}

/** Where everything of the digits image and of its state lies, to scale by the square root of its size. */
function memory(): string {
  const image = readImage(file('checkpoints/digits.brn'));
  const { plan, constants, slots, diagnostics, input, output, nvmBytes } = image;
  const end = output.offset + output.bytes;
  type Part = [name: string, region: { offset: number; bytes: number }];
  const memories: [title: string, bytes: number, parts: Part[]][] = [
    [
      'the digits image, which is only read',
      image.imageBytes,
      [
        ['header', { offset: 0, bytes: plan.offset }],
        ['plan', plan],
        ['constants: weights, biases, tables', constants],
      ],
    ],
    [
      'its state, in NVM',
      nvmBytes,
      [
        ['record: magic, image id', { offset: 0, bytes: STATE_BYTES }],
        ['two cursor slots', slots],
        ['diagnostics', diagnostics],
        ['input', input],
        ['output', output],
        ['activations', { offset: end, bytes: nvmBytes - end }],
      ],
    ],
  ];
  let y = 24;
  const body = memories.flatMap(([title, total, parts]) => {
    const drawn = [text(120, y, title, ' class="strong"')];
    y += 20;
    for (const [name, { offset, bytes }] of parts) {
      const height = Math.max(20, Math.sqrt(bytes) * 1.1);
      drawn.push(
        rect(120, y, 220, height, 'class="box"'),
        text(230, y + height / 2 + 4, name, ' class="small" text-anchor="middle"'),
        text(112, y + 12, count(offset), ' class="small" text-anchor="end"'),
        text(350, y + height / 2 + 4, `${count(bytes)} B`, ' class="small"'),
      );
      y += height;
    }
    drawn.push(text(112, y + 12, count(total), ' class="small" text-anchor="end"'));
    y += 52;
    return drawn;
  });
  return svg(440, Math.ceil(y) - 22, 'The digits image and its state in memory', body);
}

const drawings: Record<string, () => string> = {
  'docs/overview.svg': overview,
  'docs/plan.svg': plan,
  'docs/slots.svg': slots,
  'docs/memory.svg': memory,
};
const check = process.argv.includes('--check');
for (const [path, make] of Object.entries(drawings)) {
  const url = new URL(path, root);
  const made = make();
  if (existsSync(url) && readFileSync(url, 'utf8') === made) continue;
  if (check) {
    console.error(`${path} is not what \`npm run drawings\` makes`);
    process.exitCode = 1;
  } else {
    writeFileSync(url, made);
    console.log(`written: ${path}`);
  }
}
