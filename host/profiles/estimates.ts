import type { DeviceProfile, Sourced } from './profile.js';

/** A constant that nobody measured and no datasheet gives: what rests on it is an estimate too. */
export interface Estimate {
  /** As the profile names it, its unit last. */
  name: string;
  value: string;
  source: string;
}

const isSourced = (value: unknown): value is Sourced<unknown> =>
  typeof value === 'object' && value !== null && 'provenance' in value;

const textOf = (value: unknown): string =>
  typeof value === 'object' && value !== null
    ? Object.entries(value)
        .map(([name, part]) => `${name} ${part}`)
        .join(', ')
    : String(value);

/** The estimated constants of a device, its accelerator's included. */
export function estimatesOf(profile: DeviceProfile): Estimate[] {
  const of = (parts: object, prefix: string): Estimate[] =>
    Object.entries(parts).flatMap(([name, part]) =>
      isSourced(part) && part.provenance === 'estimated'
        ? [{ name: prefix + name, value: textOf(part.value), source: part.source }]
        : [],
    );
  return [...of(profile, ''), ...(profile.accelerator ? of(profile.accelerator, 'accelerator.') : [])];
}
