// How long NVM of each kind lasts under the bodies of firmware/: what wears there, and after how many inferences.
import type { Image } from '../model/image.js';
import type { DeviceProfile } from '../profiles/profile.js';
import { nvmBodies } from './nvm-bodies/index.js';
import { traceWrites } from './write-trace.js';

/** The forecast for a memory: wear is simulated, on steady power; what a cell lasts is the data sheet's. */
export interface Endurance {
  nvm: string;
  title: string;
  /** What wears. */
  unit: 'byte' | 'page';
  /** Writes of the hottest byte, or erasures of the page that had most, in one inference. */
  wearPerInference: number;
  /** Writes or erasures that it lasts. */
  lasts: number;
  /** Inferences until it is worn. */
  lifetimeInferences: number;
}

/** The forecast for each kind of NVM. */
export function forecastEndurance(image: Image, profile: DeviceProfile): Endurance[] {
  const trace = traceWrites(image, profile.sramBytes.value);
  const memories = nvmBodies.flatMap((body) => body.memories);
  return memories.map(({ name, title, unit, wear, lasts: endurance }) => {
    const wearPerInference = wear(trace);
    const lasts = endurance(profile);
    const lifetimeInferences = Math.floor(lasts / wearPerInference);
    return { nvm: name, title, unit, wearPerInference, lasts, lifetimeInferences };
  });
}
