// What an image is looked at on: the device, capacitor and converter that are asked for, else those it was compiled for.
import type { CompiledFor } from '../model/metadata.js';
import type { Image } from '../model/image.js';
import { capacitance } from '../options/kinds.js';
import { farads, type Quantity } from '../options/quantity.js';
import type { Table } from '../options/table.js';
import { deviceKind, deviceProfile, DEVICES } from '../profiles/index.js';
import type { DeviceProfile } from '../profiles/profile.js';
import {
  CONVERTERS,
  converterKind,
  converterName,
  poweredBy,
  type Storage,
  storageFor,
  type StorageOptions,
} from './converter.js';
import { usableUj } from './life.js';
import type { OwnConverter } from './own-converter.js';

/** Device, capacitor and converter: by default those that the image was compiled for. */
export interface TargetOptions {
  /** Device profile; default that of the image, `cortex-m4-generic` where it names none. */
  device?: string | DeviceProfile;
  /** In µF or as `'100nF'`; default that of the image, or that of another device or converter asked for. */
  capacitorUf?: Quantity;
  /** `ideal`, `diode`, `bq25504` or `bq25570`; default that of the image, else `ideal`. */
  converter?: string | OwnConverter;
}

const OF_IMAGE = 'what the image was compiled for';

export const targetOptions = {
  device: { kind: deviceKind, help: 'device profile', otherwise: OF_IMAGE },
  capacitorUf: { kind: capacitance, help: 'such as 100uF', otherwise: OF_IMAGE },
  converter: { kind: converterKind, help: 'between harvester and capacitor', otherwise: OF_IMAGE },
} as const satisfies Table<TargetOptions>;

/** The device of images that do not say what they were compiled for. */
const USUAL_DEVICE = 'cortex-m4-generic';

/** The options once they are checked, and what else a capacitor may have. */
export interface CheckedTarget extends StorageOptions {
  device?: string | DeviceProfile;
}

export interface Target {
  profile: DeviceProfile;
  storage: Storage;
  /** The device with that storage for its own. */
  powered: DeviceProfile;
  /** Name of the converter. */
  converter: string;
  /** What it was compiled for, and where that is not what it is looked at on; a sentence each. */
  notes: string[];
}

const nameOf = ({ device, capacitorUf, converter = 'ideal' }: CompiledFor): string => {
  const behind = converter === 'ideal' ? '' : ` behind ${converter}`;
  return `${device} with ${farads(capacitorUf)}${behind}`;
};

const deviceName = (device: string | DeviceProfile): string =>
  typeof device === 'string' ? device : device.name;

/** Whether it is the profile that its name stands for. */
const isNamed = (device: string | DeviceProfile): boolean =>
  typeof device === 'string' ||
  (DEVICES.includes(device.name) && JSON.stringify(deviceProfile(device.name)) === JSON.stringify(device));

/** What metadata say of what the compiler was given. */
export function compiledFor(given: CheckedTarget & { device: string | DeviceProfile }): CompiledFor {
  const { device, converter = 'ideal' } = given;
  return {
    device: deviceName(device),
    capacitorUf: storageFor(deviceProfile(device), given).capacitorUf,
    ...(converter === 'ideal' ? {} : { converter: converterName(converter) }),
    ...(isNamed(device) ? {} : { ownDevice: true }),
    ...(typeof converter === 'string' ? {} : { ownConverter: true }),
  };
}

/** What an image was compiled for, as profiles. */
interface Made {
  device: string | DeviceProfile;
  converter: string | OwnConverter;
  record: CompiledFor;
}

/** What the image was compiled for, or why this version cannot say. One's own is what is given under the same name. */
function madeFor({ metadata }: Pick<Image, 'metadata'>, given: CheckedTarget): Made | string {
  const record = metadata.compiledFor;
  if (!record) return `The image does not say what it was compiled for: taken as ${USUAL_DEVICE}.`;
  const { device: named, converter: through = 'ideal', ownDevice, ownConverter } = record;
  const sameDevice = given.device !== undefined && deviceName(given.device) === named;
  const sameConverter = given.converter !== undefined && converterName(given.converter) === through;
  const device = sameDevice ? given.device : !ownDevice && DEVICES.includes(named) ? named : undefined;
  const known = !ownConverter && CONVERTERS.includes(through);
  const converter = sameConverter ? given.converter : known ? through : undefined;
  if (device !== undefined && converter !== undefined) return { device, converter, record };
  const [what, option] = device === undefined ? [named, 'device'] : [through, 'converter'];
  const unknown = `this version has no ${option} "${what}"`;
  return `The image was compiled for ${nameOf(record)}; ${unknown}: taken as ${USUAL_DEVICE} unless --${option} is given.`;
}

/** Less of a charge than this share of what tiles were cut for is worth a word. */
const ALIKE = 0.999;

/** What is to be said where what is `asked` is not what the image was compiled for, as far as that matters. */
function mismatch({ record, device, converter }: Made, asked: Omit<Target, 'powered' | 'notes'>): string[] {
  const { profile, storage } = asked;
  const now = {
    device: profile.name,
    capacitorUf: storage.capacitorUf,
    converter: asked.converter,
  };
  const as = `Compiled for ${nameOf(record)}, here on ${nameOf(now)}`;
  if (record.device !== profile.name)
    return [`${as}: tiles, methods and commits are those of another device; compile it for this one.`];
  const was = deviceProfile(device);
  const before = usableUj(storageFor(was, { capacitorUf: record.capacitorUf, converter }), was);
  const given = usableUj(storage, profile);
  if (given >= before * ALIKE) return nameOf(record) === nameOf(now) ? [] : [`${as}.`];
  return [
    `${as}: a charge gives ${given.toFixed(1)} µJ of the ${before.toFixed(1)} that tiles were cut for, so that ` +
      'a tile may never get done; compile it for this one.',
  ];
}

/**
 * What `image` is looked at on. What it was compiled for holds as one: another device or converter brings its own capacitor,
 * unless one is given. Throws `E_DEVICE`, `E_CONVERTER`, `E_OPTION`.
 */
export function targetOf(image: Pick<Image, 'metadata'>, given: CheckedTarget): Target {
  const found = madeFor(image, given);
  const made = typeof found === 'string' ? undefined : found;
  const { device, capacitorUf, converter, ...capacitor } = given;
  const profile = deviceProfile(device ?? made?.device ?? USUAL_DEVICE);
  const isMade = made?.record.device === profile.name;
  const through = converter ?? (isMade ? made.converter : 'ideal');
  const isAll = isMade && converterName(through) === converterName(made.converter);
  const uf = capacitorUf ?? (isAll ? made.record.capacitorUf : undefined);
  const options = { ...capacitor, converter: through, ...(uf === undefined ? {} : { capacitorUf: uf }) };
  const asked = { profile, storage: storageFor(profile, options), converter: converterName(through) };
  const notes = made ? mismatch(made, asked) : [];
  if (made && notes.length === 0) notes.push(`On what it was compiled for: ${nameOf(made.record)}.`);
  if (typeof found === 'string' && device === undefined) notes.push(found);
  return { ...asked, powered: poweredBy(profile, options), notes };
}
