// Traces that can never turn a device on: found before they are played.
import { BrownoutError } from '../error.js';
import type { Storage } from './converter.js';
import type { Harvester, PowerSegment } from './harvester.js';

/** Voltages from turn-off to turn-on at which gain and loss are compared. */
const VOLTAGES = 9;

/** What comes in of a piece of a trace, and what leaks, in µW with the capacitor at `volts`. */
export function ratesAt(
  { leakageUw, leakageNa, inputEfficiency, sourceV: assumedV }: Storage,
  { powerUw, sourceV }: PowerSegment,
  volts: number,
): { inUw: number; leakUw: number } {
  return {
    inUw: powerUw > 0 ? powerUw * inputEfficiency(powerUw, sourceV ?? assumedV, volts) : 0,
    leakUw: leakageUw + (leakageNa * volts) / 1000,
  };
}

export const darkTrace = (found: string, turnOnV: number): BrownoutError =>
  new BrownoutError({
    code: 'E_TRACE_DARK',
    found,
    expected: `a trace that fills the capacitor to ${turnOnV} V against leakage`,
    hint: 'Use a stronger trace or a smaller capacitor.',
  });

/**
 * Throws `E_TRACE_DARK` where not even the strongest piece of a trace outweighs what leaks, at some voltage between turn-off
 * and turn-on: the capacitor never gets past it.
 */
export function refuseDark(harvester: Harvester, storage: Storage): void {
  if (!harvester.strongest) return;
  const { turnOffV, turnOnV } = storage;
  const gains = Array.from({ length: VOLTAGES }, (_, i) => {
    const volts = turnOffV + ((turnOnV - turnOffV) * i) / (VOLTAGES - 1);
    return { volts, bestUw: 0, leakUw: ratesAt(storage, { durationUs: 0, powerUw: 0 }, volts).leakUw };
  });
  for (const segment of harvester.strongest()) {
    for (const gain of gains) {
      gain.bestUw = Math.max(gain.bestUw, ratesAt(storage, segment, gain.volts).inUw);
    }
  }
  const barrier = gains.find(({ bestUw, leakUw }) => bestUw <= leakUw);
  if (!barrier) return;
  const uw = (value: number): string => `${Number(value.toPrecision(3))} µW`;
  const volts = `${Number(barrier.volts.toPrecision(3))} V`;
  throw darkTrace(
    `at most ${uw(barrier.bestUw)} into the capacitor at ${volts}, where ${uw(barrier.leakUw)} leak`,
    turnOnV,
  );
}
