import type { Body } from '../ops/shared/cost.js';
import type { InstructionCosts } from '../toolchain/meter.js';

/** Where a constant comes from: measured by us, a datasheet, or an estimate. */
export type Provenance = 'measured' | 'datasheet' | 'estimated';

/** A figure of a device, with its unit in the name of the field that holds it. */
export interface Sourced<T = number> {
  value: T;
  provenance: Provenance;
  source: string;
}

/**
 * A vector accelerator: a call costs a fixed part and a part per element, cycles during which the core waits and the
 * energy of the whole device meanwhile. Elements are 16 bits.
 */
export interface AcceleratorCosts {
  name: string;
  /** SRAM its operands must be in. */
  sramBytes: number;
  callCycles: Sourced;
  callNj: Sourced;
  macCyclesPerElement: Sourced;
  macNjPerElement: Sourced;
  /** A radix-2 butterfly of a complex FFT, of which N points take N/2 · log2 N. */
  fftCyclesPerButterfly: Sourced;
  fftNjPerButterfly: Sourced;
  /** Moving 16 bits between NVM and its SRAM by DMA. */
  moveCyclesPerElement: Sourced;
  moveNjPerElement: Sourced;
}

/** A device as data: what it costs to run and to keep, and what holds its energy. */
export interface DeviceProfile {
  name: string;
  description: string;
  clockHz: Sourced;
  /** Core and SRAM, running. */
  activeNjPerCycle: Sourced;
  /** Cycles of each class of WASM instruction, compiled ahead of time. */
  instructionCycles: Sourced<InstructionCosts>;
  /** The body of kernels that firmware for it runs (docs/ACCEL.md). */
  body: Sourced<Body>;
  /** Cycles of one of the units that the body's costs are in: instructions; of the MSP430 cycles. */
  cyclesPerInstruction: Sourced;
  /** Cycles this device takes for one that the planner estimates (`host/ops/shared/cycles.ts`), NVM included. */
  planScale: Sourced;
  /** Reading constants, in place where the image lies: cycles to set an access up, bytes a read brings, and its costs. */
  imageSetupCycles: Sourced;
  imageReadBytes: Sourced;
  imageReadCycles: Sourced;
  imageReadNj: Sourced;
  /** Reading or writing NVM: cycles to set an access up, cycles and energy a 32-bit word. */
  nvmSetupCycles: Sourced;
  nvmReadCyclesPerWord: Sourced;
  nvmWriteCyclesPerWord: Sourced;
  nvmReadNjPerWord: Sourced;
  nvmWriteNjPerWord: Sourced;
  /** What a write that loses power may tear: bytes written together or not at all. */
  nvmTearBytes: Sourced;
  /** Asking the voltage monitor. */
  monitorCycles: Sourced;
  /** From power-on to the first instruction. */
  bootUj: Sourced;
  bootUs: Sourced;
  /** Program memory: code, and the image where it does not lie in NVM. */
  flashBytes: Sourced;
  sramBytes: Sourced;
  /** NVM for the state. */
  nvmBytes: Sourced;
  /** Asleep with SRAM kept, the voltage monitor on. */
  sleepUw: Sourced;
  /** Writes that a byte of NVM lasts. */
  nvmEndurance: Sourced;
  /** A vector unit beside the core, if there is one. */
  accelerator?: AcceleratorCosts;
  /** The capacitor that stands before the device, and its thresholds. */
  capacitorUf: Sourced;
  turnOnV: Sourced;
  warningV: Sourced;
  turnOffV: Sourced;
  leakageUw: Sourced;
  /** Energy taken from the capacitor for each that the device uses; absent: 1. Of the converter, not of the device. */
  drawFactor?: number;
  /** Share of power failures that come without the monitor's warning. */
  unwarnedCuts: Sourced;
}

/** What the device gets out of its capacitor between a voltage and turn-off, in µJ. */
function above(offV: number, volts: number, { capacitorUf, drawFactor = 1 }: DeviceProfile): number {
  return (capacitorUf.value * (volts ** 2 - offV ** 2)) / 2 / drawFactor;
}

/** Energy that one charge gives it between turn-on and turn-off, in µJ. */
export const chargeUj = (profile: DeviceProfile): number =>
  above(profile.turnOffV.value, profile.turnOnV.value, profile);

/** What of a charge is left at the monitor's warning, in µJ. */
export const warnedUj = (profile: DeviceProfile): number =>
  above(profile.turnOffV.value, profile.warningV.value, profile);

/** Cycles one charge lasts without any harvest meanwhile, boot taken off. */
export function chargeCycles(profile: DeviceProfile): number {
  return ((chargeUj(profile) - profile.bootUj.value) * 1000) / profile.activeNjPerCycle.value;
}

/** The same in cycles as the planner estimates them. */
export function plannedCycles(profile: DeviceProfile): number {
  return chargeCycles(profile) / profile.planScale.value;
}
