// All device profiles: a new one is a file beside this and a line in the list.
import { BrownoutError, checkFields } from '../error.js';
import { apollo4 } from './apollo4.js';
import { cortexM4Generic } from './cortex-m4-generic.js';
import { msp430fr5994, msp430fr5994Lea } from './msp430fr5994.js';
import { nrf52840 } from './nrf52840.js';
import { choice, type Kind } from '../options/kinds.js';
import { didYouMean } from '../options/suggest.js';
import { checkProfile, jsonFile } from './custom.js';
import type { DeviceProfile } from './profile.js';
import { rp2040 } from './rp2040.js';
import { stm32l4 } from './stm32l4.js';
import { stm32u5 } from './stm32u5.js';

const profiles: readonly DeviceProfile[] = [
  cortexM4Generic,
  msp430fr5994,
  msp430fr5994Lea,
  apollo4,
  nrf52840,
  rp2040,
  stm32l4,
  stm32u5,
];

/** Names of the profiles. */
export const DEVICES: readonly string[] = profiles.map(({ name }) => name);

const named = choice(DEVICES, { code: 'E_DEVICE' });

/** An option that names a profile, or is one. */
export const deviceKind: Kind<string | DeviceProfile> = {
  ...named,
  expected: `${named.expected}, or a profile of your own (.json)`,
  placeholder: 'NAME|JSON',
  parse: (text) => (text.endsWith('.json') ? ownProfile(jsonFile(text, 'E_DEVICE')) : named.parse!(text)),
  check: (value) => (typeof value === 'object' && value !== null ? ownProfile(value) : named.check(value)),
};

const ownProfile = (value: unknown): DeviceProfile => checkProfile(value, deviceProfile);

/** The profile called so, or one of one's own as it is. Throws `E_DEVICE`. */
export function deviceProfile(device: string | DeviceProfile): DeviceProfile {
  if (typeof device !== 'string')
    return checkFields(device, 'a name of a device, or a profile', 'name', 'clockHz', 'sramBytes');
  const profile = profiles.find((candidate) => candidate.name === device);
  if (profile) return profile;
  throw new BrownoutError({
    code: 'E_DEVICE',
    found: `device "${device}"`,
    expected: DEVICES.join(', '),
    hint: didYouMean(device, DEVICES),
  });
}
