// What package.json says, for those who tell others.
import { readFileSync } from 'node:fs';

interface Package {
  version: string;
  optionalDependencies: Record<string, string>;
}

/** From dist/host. */
const path = new URL('../../package.json', import.meta.url);

const read = (): Package => JSON.parse(readFileSync(path, 'utf8')) as Package;

/** The version of this package. */
export const packageVersion = (): string => read().version;

/** The version wanted of a package that need not be there. */
export const optionalVersion = (name: string): string => read().optionalDependencies[name]!;
