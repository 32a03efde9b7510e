// Memories behind SPI by part, as their data sheets have them: what the bodies of FRAM and EEPROM are told of one.
import { BrownoutError } from '../error.js';
import type { NvmKind } from './nvm-bodies/index.js';
import type { Setting } from './nvm-bodies/nvm-body.js';

/** A memory behind SPI. All take the opcodes of brownout_spi_memory.h: write enable and disable, status, read, write. */
interface SpiPart {
  name: string;
  /** The body that it takes. */
  nvm: Extract<NvmKind, 'spi-fram' | 'eeprom'>;
  bytes: number;
  /** Bytes of an address. */
  addressBytes: 2 | 3;
  /** Of EEPROM: the latch, and the longest that writing it takes. */
  page?: { bytes: number; ms: number };
  /** The opcode that puts it to sleep; chip select wakes it. */
  sleep?: number;
  /** Bytes that it writes anew together, for its error correction: a cut may spoil all of them. */
  lineBytes?: number;
  /** Writes that a byte lasts. */
  lasts: number;
  /** Why it will not do. */
  refused?: string;
  /** Whose data sheet, and its number where it was looked at again. */
  source: string;
}

const KIB = 1024;
const SLEEP = 0xb9;
const REFRESHES = 'a short write writes the rest of its page anew, which a cut may spoil with it';

const PARTS: readonly SpiPart[] = [
  {
    name: 'mb85rs64v',
    nvm: 'spi-fram',
    bytes: 8 * KIB,
    addressBytes: 2,
    lasts: 1e12,
    source: 'Fujitsu',
  },
  {
    name: 'mb85rs256ty',
    nvm: 'spi-fram',
    bytes: 32 * KIB,
    addressBytes: 2,
    sleep: SLEEP,
    lasts: 1e13,
    source: 'Fujitsu DS501-00046',
  },
  {
    name: 'mb85rs2mta',
    nvm: 'spi-fram',
    bytes: 256 * KIB,
    addressBytes: 3,
    sleep: SLEEP,
    lasts: 1e13,
    source: 'Fujitsu',
  },
  {
    name: 'fm25v02a',
    nvm: 'spi-fram',
    bytes: 32 * KIB,
    addressBytes: 2,
    sleep: SLEEP,
    lasts: 1e14,
    source: 'Infineon',
  },
  {
    name: 'fm25v10',
    nvm: 'spi-fram',
    bytes: 128 * KIB,
    addressBytes: 3,
    sleep: SLEEP,
    lasts: 1e14,
    source: 'Infineon',
  },
  {
    name: 'cy15b104q',
    nvm: 'spi-fram',
    bytes: 512 * KIB,
    addressBytes: 3,
    sleep: SLEEP,
    lasts: 1e14,
    source: 'Infineon',
  },
  {
    name: 'm95256',
    nvm: 'eeprom',
    bytes: 32 * KIB,
    addressBytes: 2,
    page: { bytes: 64, ms: 5 },
    lineBytes: 4,
    lasts: 4e6,
    source: 'ST DocID12276',
  },
  {
    name: 'm95512',
    nvm: 'eeprom',
    bytes: 64 * KIB,
    addressBytes: 2,
    page: { bytes: 128, ms: 5 },
    lineBytes: 4,
    lasts: 4e6,
    source: 'ST',
  },
  {
    name: 'm95m01',
    nvm: 'eeprom',
    bytes: 128 * KIB,
    addressBytes: 3,
    page: { bytes: 256, ms: 5 },
    lineBytes: 4,
    lasts: 4e6,
    source: 'ST',
  },
  {
    name: '25lc512',
    nvm: 'eeprom',
    bytes: 64 * KIB,
    addressBytes: 2,
    page: { bytes: 128, ms: 5 },
    lasts: 1e6,
    refused: REFRESHES,
    source: 'Microchip; DS22237 of the 25A512',
  },
  {
    name: '25lc1024',
    nvm: 'eeprom',
    bytes: 128 * KIB,
    addressBytes: 3,
    page: { bytes: 256, ms: 6 },
    lasts: 1e6,
    refused: REFRESHES,
    source: 'Microchip',
  },
];

export const spiPartNames: readonly string[] = PARTS.map(({ name }) => name);

/** As much of a page as the body compares at once: on its stack. */
const MOST_PAGE_BYTES = 64;

/** What an image asks of a memory. */
interface Asked {
  nvmBytes: number;
  /** Bytes that it keeps apart (`compile --line`). */
  line: number;
}

/** The part called `name`, one of `spiPartNames`, if it holds the image. Throws `E_NVM`, `E_FIRMWARE_SIZE`. */
export function spiPartCalled(name: string, nvm: string | undefined, { nvmBytes, line }: Asked): SpiPart {
  const part = PARTS.find((one) => one.name === name)!;
  const refuse = (code: string, found: string, expected: string, hint: string): never => {
    throw new BrownoutError({ code, found, expected, hint });
  };
  const taken = PARTS.filter((one) => !one.refused);
  const names = taken.map((one) => one.name).join(', ');
  const { lineBytes = 1 } = part;
  if (nvm !== undefined && nvm !== part.nvm)
    refuse('E_NVM', `NVM "${nvm}" with part ${name}`, part.nvm, `Export with \`--nvm ${part.nvm}\`.`);
  if (part.refused) refuse('E_NVM', `part ${name}: ${part.refused}`, names, 'Take one of these parts.');
  if (nvmBytes > part.bytes) {
    const larger = taken.find((one) => one.bytes >= nvmBytes && one.nvm === part.nvm);
    const hint = larger ? `Take a larger part: \`--part ${larger.name}\`.` : 'Compile a smaller model.';
    refuse('E_FIRMWARE_SIZE', `${nvmBytes} bytes of NVM`, `at most the ${part.bytes} of ${name}`, hint);
  }
  if (line < lineBytes)
    refuse(
      'E_NVM',
      `part ${name} with an image that keeps no words of ${lineBytes} bytes apart`,
      `one that does: the part corrects errors in such words, and a cut may spoil a whole one`,
      `Compile the model again with \`--line ${lineBytes}\`.`,
    );
  return part;
}

/** What brownout_settings.h says of a part. */
export function partSettings({ name, addressBytes, page, sleep, source }: SpiPart): Setting[] {
  const of = `of ${name} (data sheet: ${source})`;
  return [
    { name: 'BROWNOUT_NVM_ADDRESS_BYTES', value: `${addressBytes}`, what: `bytes of an address, ${of}` },
    ...(page
      ? [
          {
            name: 'BROWNOUT_NVM_PAGE_BYTES',
            value: `${Math.min(page.bytes, MOST_PAGE_BYTES)}u`,
            what: `what is written at once, at most the latch of ${page.bytes} ${of}`,
          },
        ]
      : []),
    ...(sleep === undefined
      ? []
      : [{ name: 'BROWNOUT_NVM_SLEEP', value: `0x${sleep.toString(16)}`, what: `opcode of sleep, ${of}` }]),
  ];
}

const kib = (bytes: number): string => `${bytes / KIB} KB`;
const times = (lasts: number): string => lasts.toExponential().replace('e+', ' · 10^').replace(/^1 · /, '');

/** Rows of the table of parts in docs/FIRMWARE.md. */
export const spiPartRows = (): string[][] => [
  ['`--part`', 'body', 'holds', 'address', 'page', 'sleep', 'a byte lasts', 'data sheet'],
  ...PARTS.map((part) => {
    const { name, nvm, bytes, addressBytes, page, sleep, lineBytes, lasts, refused, source } = part;
    const written = page ? `${page.bytes} B, ${page.ms} ms` : '';
    const needs = lineBytes ? `; needs \`--line ${lineBytes}\`` : '';
    return [
      `\`${name}\``,
      refused ? `refused: ${refused}` : `\`${nvm}\`${needs}`,
      kib(bytes),
      `${addressBytes} B`,
      written,
      sleep === undefined ? '' : `0x${sleep.toString(16)}`,
      times(lasts),
      source,
    ];
  }),
];
