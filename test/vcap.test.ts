// The power model against measured voltages: fitted on one run, it predicts the others.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { fitVcap, predictVcap, vcapRuns } from '../samples/vcap.js';

const data = process.env['BROWNOUT_DATA'];
const folder = data === undefined ? undefined : join(data, 'traces/bfree_solar_vcap');
const found = folder !== undefined && existsSync(folder);
if (!found)
  console.log('skipped: measured capacitor voltages: set BROWNOUT_DATA to the folder that holds traces/');

const FITTED_ON = 'normal-100_100';

(found ? test : test.skip)('times on and off within 10 % of measured, on runs it was not fitted on', () => {
  const runs = vcapRuns(folder!);
  assert.is(runs.length, 5);
  const predicted = predictVcap(fitVcap(runs.find(({ name }) => name.includes(FITTED_ON))!));
  for (const { name, onMs, offMs } of runs.filter((run) => !run.name.includes(FITTED_ON))) {
    for (const [what, measured, model] of [
      ['on', onMs, predicted.onMs],
      ['off', offMs, predicted.offMs],
    ] as const) {
      const error = model / measured - 1;
      assert.ok(Math.abs(error) < 0.1, `${name} ${what}: ${model} ms, measured ${measured} ms`);
    }
  }
});

// The panel is wired to the capacitor, so it gives less as the voltage rises; the model's harvest is constant.
(found ? test : test.skip)('the voltage in between is within 0.3 V', () => {
  for (const run of vcapRuns(folder!)) {
    const { curve } = predictVcap(fitVcap(run));
    const period = run.onMs + run.offMs;
    const off = run.timeMs[run.volts.indexOf(run.turnOffV)]!;
    run.timeMs.forEach((time, i) => {
      const since = (time - off + period) % period;
      const after = curve.findIndex(([at]) => at >= since);
      if (after < 1) return;
      const [[t0, v0], [t1, v1]] = [curve[after - 1]!, curve[after]!];
      const volts = t1 > t0 ? v0 + ((v1 - v0) * (since - t0)) / (t1 - t0) : v1;
      assert.ok(
        Math.abs(volts - run.volts[i]!) < 0.3,
        `${run.name} at ${time} ms: ${volts}, measured ${run.volts[i]}`,
      );
    });
  }
});

test.run();
