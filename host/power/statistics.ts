// What a run on a supply cost, and at which pace its cycles go.

/** Where the energy went, in µJ. `nvm`: both memories. */
export interface EnergyUse {
  compute: number;
  nvm: number;
  boot: number;
  sleep: number;
}

/** The books, in µJ: harvested = used + leaked + converted + spilled + stored at the end − stored at the start. */
export interface EnergyLedger {
  harvested: number;
  leaked: number;
  /** Lost in the converter, the buck behind it and the capacitor's own resistance. */
  conversion: number;
  /** What came while the capacitor was full. */
  spilled: number;
  storedAtStart: number;
  stored: number;
}

/** What a run cost. All figures are simulated. */
export interface RunStatistics {
  boots: number;
  cuts: number;
  /** Executed WASM instructions, re-execution included. */
  instructions: number;
  cycles: number;
  /** Constants. */
  imageBytesRead: number;
  nvmBytesRead: number;
  nvmBytesWritten: number;
  onUs: number;
  offUs: number;
  /** Time of `onUs` asleep. */
  sleepUs: number;
  energyUj: EnergyUse;
  ledgerUj: EnergyLedger;
}

/** Cycles of the device for a metered one (pace.ts): of the engine, and of an op of the plan; left out: as of the engine. */
export interface Pace {
  engine: number;
  ops: readonly (OpPace | undefined)[];
}

/** An op's: those cycles, and the energy of one, which while a vector unit works is not the core's. */
export interface OpPace {
  ratio: number;
  njPerCycle: number;
}
