// Which byte of NVM is written most, and how long memories of several kinds last under that.
import type { Image } from '../model/image.js';
import type { DeviceProfile } from '../profiles/profile.js';

/** The hottest byte of NVM, and what its writes mean. */
export interface Wear {
  address: number;
  /** `cursor slots`, `diagnostics`, `input`, `output` or `activations`. */
  region: string;
  writesPerInference: number;
  /**
   * Inferences until that byte is worn: of the device's own memory, and of others that take each write as it comes. What
   * bodies that write less do, host/firmware/endurance.ts says.
   */
  lifetimeInferences: Record<'device' | 'fram' | 'mram', number>;
}

/**
 * Writes that a byte lasts. FRAM: Fujitsu MB85RS data sheets, 10^13. MRAM: the low end of what is given for embedded parts,
 * 10^6, estimated.
 */
export const ENDURANCE = { fram: 1e13, mram: 1e6 };

/** From the writes of each byte over `inferences`. */
export function hottestByte(
  writes: Uint32Array,
  image: Image,
  inferences: number,
  profile: DeviceProfile,
): Wear {
  let address = 0;
  writes.forEach((count, at) => {
    if (count > writes[address]!) address = at;
  });
  const { slots, diagnostics, input, output } = image;
  const regions = { 'cursor slots': slots, diagnostics, input, output };
  const found = Object.entries(regions).find(
    ([, { offset, bytes }]) => address >= offset && address < offset + bytes,
  );
  const writesPerInference = writes[address]! / inferences;
  const lifetime = (endurance: number): number => Math.floor(endurance / writesPerInference);
  return {
    address,
    region: found?.[0] ?? 'activations',
    writesPerInference,
    lifetimeInferences: {
      device: lifetime(profile.nvmEndurance.value),
      fram: lifetime(ENDURANCE.fram),
      mram: lifetime(ENDURANCE.mram),
    },
  };
}
