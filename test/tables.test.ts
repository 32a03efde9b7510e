// Tables and labels as people have them: what may be read in two ways is refused.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { readLabels } from '../host/data/labels.js';
import { writeNpy } from '../host/data/npy.js';
import { readInput } from '../host/data/read-input.js';
import { readArray } from '../host/data/samples.js';
import { failure } from './util/failure.js';

test('tables: what may be read in two ways is refused, what is missing is named', () => {
  const text = (content: string): Uint8Array => new TextEncoder().encode(content);
  for (const [content, found] of [
    ['a,b\n1,2\n3\n', /1 cells in line 3/],
    ['a,b\n1,\n', /an empty cell in line 2, column "b"/],
    ['a,b\n1,nan\n', /"nan" in line 2, column "b"/],
    ['a,b\n1,inf\n', /"inf" in line 2/],
    ['1,2\n# a comment\n3,x\n', /"x" in line 3, column 2/],
    ['a;b\n1,234;5\n', /1,234, which may be a fraction or thousands/],
    ['a;b\n1,5;2.5\n', /1,5 and such as 2\.5/],
    ['0,1,2\n3,4,5\n', /a first row 0, 1 … 2/],
    ['"a,b\n1,2\n', /quotes opened in line 1/],
    ['0x10,2\n3,4\n', /"0x10" in line 1/],
    ['1.2.3,2\n3,4\n', /"1\.2\.3" in line 1/],
  ] as const) {
    const { code, found: said } = failure(() => readInput(text(content)), content);
    assert.is(code, 'E_CSV', content);
    assert.match(said, found);
  }
  const values = (content: string): number[] => [...readInput(text(content)).data];
  assert.equal(values('a;b\n1,234;5\n1,5;-,0\n'.replace('-,0', '-0,5')), [Math.fround(1.234), 5, 1.5, -0.5]);
  assert.equal(values('a,b\nTrue,1e3\nFalse,-.5\n'), [1, 1000, 0, -0.5]);
  assert.equal(values('"a, of ""x""",b\n1,"2"\n'), [1, 2]);
  assert.equal(values('"a\nb",c\r1,2\r'), [1, 2]);
  // x, y and z are axes; y is a label where it is not needed.
  const motion = text('x,y,z\n1,2,3\n');
  assert.is(readArray(motion).labels, undefined);
  const target = (size: number) => ({ target: { shape: [size], preprocessing: { minimum: 0, maximum: 1 } } });
  assert.equal([...readArray(motion, target(3)).array.data], [1, 2, 3]);
  assert.equal([...readArray(motion, target(2)).labels!], [2]);
  // The steps of two samples beneath each other.
  const steps = readArray(text('a,b\n1,2\n3,4\n5,6\n7,8\n'), {
    target: { ...target(0).target, shape: [2, 2] },
  }).array;
  assert.equal(
    [steps.shape, [...steps.data]],
    [
      [2, 2, 2],
      [1, 2, 3, 4, 5, 6, 7, 8],
    ],
  );
});

test('labels: any integers, texts, tables of one column; what is no class is refused', () => {
  const text = (content: string): Uint8Array => new TextEncoder().encode(content);
  const labels = (bytes: Uint8Array, classes?: string[]): unknown => {
    const found = readLabels(bytes, 'y', classes);
    return [[...found.labels], found.classes];
  };
  for (const dtype of ['int64', 'uint64', 'int32', 'uint8', 'float64'] as const) {
    const data = (dtype === 'uint8' ? Uint8Array : dtype === 'int32' ? Int32Array : Float64Array).of(
      3,
      0,
      255,
    );
    assert.equal(labels(writeNpy({ dtype, shape: [3], data })), [[3, 0, 255], undefined], dtype);
    assert.equal(labels(writeNpy({ dtype, shape: [3, 1], data })), [[3, 0, 255], undefined], dtype);
  }
  assert.equal(labels(text('label\n2\n0\n')), [[2, 0], undefined]);
  assert.equal(labels(text('2\n0\n')), [[2, 0], undefined]);
  assert.equal(labels(text(',label\n0,2\n1,0\n')), [[2, 0], undefined]);
  assert.equal(labels(text('dog\ncat\ndog\n')), [
    [1, 0, 1],
    ['cat', 'dog'],
  ]);
  assert.equal(labels(text('label\ndog\ncat\n')), [
    [1, 0],
    ['cat', 'dog'],
  ]);
  assert.equal(labels(text('dog\ncat\n'), ['dog', 'cat', 'cow']), [
    [0, 1],
    ['dog', 'cat', 'cow'],
  ]);
  for (const [what, bytes] of Object.entries({
    negative: text('label\n-1\n'),
    'not whole': text('label\n0.5\n'),
    'too large': text('label\n256\n'),
    'one-hot': writeNpy({ dtype: 'int64', shape: [2, 2], data: Float64Array.of(0, 1, 1, 0) }),
    'two columns': text('a,b\n1,2\n'),
  }))
    assert.is(failure(() => readLabels(bytes), what).code, 'E_LABEL', what);
  assert.match(
    failure(() => readLabels(text('dog\nbird\n'), 'y', ['cat', 'dog'])).found,
    /"bird" as label 1/,
  );
});

test.run();
