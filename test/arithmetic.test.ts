// The device's fixed-point arithmetic and its prime field, function by function.
import { readFileSync, existsSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { arithmeticOf, differenceOf } from './util/arithmetic.js';

const root = new URL('../../', import.meta.url);

test('fixed point as gemmlowp has it, and centring in the prime field, against unbounded integers', async () => {
  const functions = await arithmeticOf((name) =>
    existsSync(new URL(name, root)) ? readFileSync(new URL(name, root), 'utf8') : null,
  );
  if (typeof functions === 'string') throw new Error(functions);
  assert.is(differenceOf(functions, 20_000), undefined);
});

test.run();
