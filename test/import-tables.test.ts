// The tables of docs/IMPORT.md are those of the importers.
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { importModel } from '../host/import/import-model.js';
import { operatorTables } from '../host/import/operators.js';
import { INTEGER_OPERATORS, WIDE_OPERATORS } from '../host/import/tflite/import-tflite.js';
import { validateNetwork } from '../host/ops/validate.js';
import { peerTable } from '../scripts/peer-operators.js';
import { OP, tfliteModel } from '../samples/tflite/model.js';

const path = fileURLToPath(new URL('../../docs/IMPORT.md', import.meta.url));

/** A table without the spaces that Prettier puts in, or the lines it breaks. */
const bare = (text: string): string => text.replace(/-+/g, '-').replace(/\s+/g, ' ').trim();

for (const [name, table] of Object.entries({ ...operatorTables(), peers: peerTable() })) {
  test(`docs/IMPORT.md: ${name}`, () => {
    const text = readFileSync(path, 'utf8');
    const pattern = new RegExp(`(<!-- ${name} -->\n)([\\s\\S]*?)(<!-- /${name} -->)`);
    const [, , found = ''] = pattern.exec(text) ?? [];
    assert.is(
      bare(found),
      bare(table),
      'write it: npm run docs:operators, then prettier --write docs/IMPORT.md',
    );
  });
}

test('what is said to take int16 alone or not: unary operators', () => {
  const wide = (scale: number) => ({ shape: [1, 4], type: 7, scale });
  const unary: [name: string, code: number][] = [
    ['RELU6', OP.RELU6],
    ['LEAKY_RELU', OP.LEAKY_RELU],
    ['LOGISTIC', OP.LOGISTIC],
    ['HARD_SWISH', OP.HARD_SWISH],
    ['ABS', 101],
    ['QUANTIZE', 114],
  ];
  for (const [name, code] of unary) {
    assert.ok(INTEGER_OPERATORS.includes(name), name);
    const file = tfliteModel(
      [wide(0.5), wide(0.25), wide(2 ** -15)],
      [
        { code: OP.RELU6, inputs: [0], outputs: [1] },
        { code, inputs: [1], outputs: [2] },
      ],
    );
    let taken = true;
    try {
      const { network, notes } = importModel(file);
      validateNetwork(network);
      taken = !notes.some((note) => note.includes('int16 becomes int8'));
    } catch {
      taken = false;
    }
    assert.is(taken, WIDE_OPERATORS.includes(name), name);
  }
});

test.run();
