// All device profiles: a new one is a file beside this and a line in the list.
import { BrownoutError } from '../error.js';
import { apollo4 } from './apollo4.js';
import { cortexM4Generic } from './cortex-m4-generic.js';
import { msp430fr5994 } from './msp430fr5994.js';
import { nrf52840 } from './nrf52840.js';
import { choice } from '../options/kinds.js';
import { didYouMean } from '../options/suggest.js';
import type { DeviceProfile } from './profile.js';
import { stm32u5 } from './stm32u5.js';

const profiles: readonly DeviceProfile[] = [cortexM4Generic, msp430fr5994, apollo4, nrf52840, stm32u5];

/** Names of the profiles. */
export const DEVICES: readonly string[] = profiles.map(({ name }) => name);

/** An option that names a profile. */
export const deviceKind = choice(DEVICES, { code: 'E_DEVICE' });

/** The profile called `name`. Throws `E_DEVICE`. */
export function deviceProfile(name: string): DeviceProfile {
  const profile = profiles.find((candidate) => candidate.name === name);
  if (profile) return profile;
  throw new BrownoutError({
    code: 'E_DEVICE',
    found: `device "${name}"`,
    expected: DEVICES.join(', '),
    hint: didYouMean(name, DEVICES),
  });
}
