// Measured capacitor voltages (BFree, solar, 1,500 µF, 3 klux) against the power model: one cycle of on and off a file.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { storageFor } from '../host/power/converter.js';
import { SegmentHarvester } from '../host/power/harvester.js';
import { MeteredSupply } from '../host/power/harvested-supply.js';
import type { DeviceProfile } from '../host/profiles/profile.js';
import { deviceProfile } from '../host/profiles/index.js';

const CAPACITOR_UF = 1500;

export interface VcapRun {
  name: string;
  timeMs: number[];
  volts: number[];
  turnOnV: number;
  turnOffV: number;
  onMs: number;
  offMs: number;
}

/** A recording begins and ends at the same voltage, charging: so off is what comes before turn-on and after turn-off. */
function readRun(path: string, name: string): VcapRun {
  const rows = readFileSync(path, 'utf8').trim().split('\n').slice(1);
  const samples = rows
    .map((row) => row.split(','))
    .filter(([time, volts]) => time!.trim() !== '' && volts!.trim() !== '')
    .map(([time, volts]) => [Number(time) * 1000, Number(volts)] as const);
  const startMs = samples[0]![0];
  const timeMs = samples.map(([time]) => time - startMs);
  const volts = samples.map(([, v]) => v);
  const on = volts.indexOf(Math.max(...volts));
  const off = volts.indexOf(Math.min(...volts));
  const onMs = timeMs[off]! - timeMs[on]!;
  return {
    ...{ name, timeMs, volts, turnOnV: volts[on]!, turnOffV: volts[off]! },
    ...{ onMs, offMs: timeMs.at(-1)! - onMs },
  };
}

export function vcapRuns(folder: string): VcapRun[] {
  const names = readdirSync(folder).filter((name) => name.endsWith('.csv'));
  return names.sort().map((name) => readRun(join(folder, name), name.replace('.csv', '')));
}

export interface VcapModel {
  harvestUw: number;
  loadUw: number;
  turnOnV: number;
  turnOffV: number;
}

/** Powers that charge and drain the capacitor between the thresholds of a run in its times. */
export function fitVcap({ turnOnV, turnOffV, onMs, offMs }: VcapRun): VcapModel {
  const chargeUj = (CAPACITOR_UF * (turnOnV ** 2 - turnOffV ** 2)) / 2;
  const harvestUw = (chargeUj / offMs) * 1000;
  return { harvestUw, loadUw: harvestUw + (chargeUj / onMs) * 1000, turnOnV, turnOffV };
}

/** A supply of the simulator with that harvest and load; a cycle is a microsecond. */
function supplyOf({ harvestUw, loadUw, turnOnV, turnOffV }: VcapModel): MeteredSupply {
  const given = (value: number): DeviceProfile['clockHz'] => ({
    value,
    provenance: 'measured',
    source: 'a fit',
  });
  const profile: DeviceProfile = {
    ...deviceProfile('cortex-m4-generic'),
    ...{ clockHz: given(1e6), activeNjPerCycle: given(loadUw / 1000), bootUj: given(0), bootUs: given(0) },
    ...{
      turnOnV: given(turnOnV),
      turnOffV: given(turnOffV),
      leakageUw: given(0),
      capacitorUf: given(CAPACITOR_UF),
    },
  };
  return new MeteredSupply(
    profile,
    new SegmentHarvester([{ durationUs: 1e6, powerUw: harvestUw }]),
    storageFor(profile),
  );
}

/** The model's voltage over time, from turn-off on, and its times on and off, over one cycle. */
export function predictVcap(model: VcapModel): {
  onMs: number;
  offMs: number;
  curve: [timeMs: number, volts: number][];
} {
  const supply = supplyOf(model);
  const curve: [number, number][] = [[0, supply.volts]];
  const note = (): void => {
    curve.push([supply.timeUs / 1000, supply.volts]);
  };
  supply.onWait = note;
  supply.boot(undefined);
  while (!supply.work(10_000, 0).ended) note();
  note();
  const { onUs, offUs } = supply.statistics;
  return { onMs: onUs / 1000, offMs: offUs / 1000, curve };
}
