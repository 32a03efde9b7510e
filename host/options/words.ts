// One message, two readers: errors name options of the API in backquotes, and the command line says them its own way.
import { cliName, type Option, type OptionTable } from './table.js';

/** `capacitorUf` in backquotes becomes `--capacitor`, where the command has it. */
export function inCliWords(text: string, options: OptionTable): string {
  return text.replaceAll(/`([a-z][A-Za-z]*)`( (?=["\d]))?/g, (whole: string, name: string, space = '') => {
    const option: Option | undefined = Object.hasOwn(options, name) ? options[name] : undefined;
    return option?.help === undefined ? whole : `--${cliName(name, option)}${space}`;
  });
}
