// Memories behind SPI by part, as their data sheets have them: what the bodies of FRAM and EEPROM are told of one.
import { BrownoutError } from '../error.js';
import type { NvmKind } from './nvm-bodies/index.js';
import type { Setting } from './nvm-bodies/nvm-body.js';

/** Opcodes of a memory behind SPI. */
export interface SpiOpcodes {
  read: number;
  write: number;
  writeEnable: number;
  writeDisable: number;
  readStatus: number;
}

/** Bits of its status, as masks. */
export interface SpiStatus {
  /** It writes what was sent. */
  busy: number;
  /** It takes writes. */
  enabled: number;
}

/** What most parts have (brownout_spi_memory.h). */
export const USUAL_OPCODES: Readonly<SpiOpcodes> = {
  read: 0x03,
  write: 0x02,
  writeEnable: 0x06,
  writeDisable: 0x04,
  readStatus: 0x05,
};
export const USUAL_STATUS: Readonly<SpiStatus> = { busy: 1, enabled: 2 };

/** A memory behind SPI, as its data sheet has it. */
export interface SpiPart {
  name: string;
  /** The body that it takes: `spi-fram` where a byte is durable as it comes (FRAM, MRAM), `eeprom` where a page is written. */
  nvm: Extract<NvmKind, 'spi-fram' | 'eeprom'>;
  bytes: number;
  /** Bytes of an address. */
  addressBytes: 2 | 3;
  /** Of EEPROM: the latch, and the longest that writing it takes. */
  page?: { bytes: number; ms: number };
  /** Those that are not the usual ones. */
  opcodes?: Partial<SpiOpcodes>;
  status?: Partial<SpiStatus>;
  /** The opcode that puts it to sleep. */
  sleep?: number;
  /** The opcode that wakes it; absent: chip select does. */
  wake?: number;
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
    name: 'mr25h40',
    nvm: 'spi-fram',
    bytes: 512 * KIB,
    addressBytes: 3,
    sleep: SLEEP,
    wake: 0xab,
    lasts: 1e15,
    source: 'Everspin',
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

/** The part called `name`, one of `spiPartNames`. */
export const spiPart = (name: string): SpiPart => PARTS.find((one) => one.name === name)!;

/** A part, by name one of `spiPartNames`, if it holds the image. Throws `E_NVM`, `E_FIRMWARE_SIZE`. */
export function spiPartFor(
  asked: string | SpiPart,
  nvm: string | undefined,
  { nvmBytes, line }: Asked,
): SpiPart {
  const part = typeof asked === 'string' ? spiPart(asked) : asked;
  const { name } = part;
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

const hex = (byte: number): string => `0x${byte.toString(16).padStart(2, '0')}`;

/** What is not as most parts have it, by the names of brownout_spi_memory.h. */
const unusual = <T extends object>(
  names: Readonly<Record<keyof T, readonly [name: string, what: string]>>,
  own: Partial<T> = {},
  usual: T,
): Setting[] =>
  (Object.keys(names) as (keyof T)[]).flatMap((key) => {
    const value = (own[key] ?? usual[key]) as number;
    const [name, what] = names[key];
    return value === usual[key] ? [] : [{ name: `BROWNOUT_SPI_${name}`, value: hex(value), what }];
  });

/** What brownout_settings.h says of a part. */
export function partSettings(part: SpiPart): Setting[] {
  const { name, addressBytes, page, sleep, wake, opcodes, status, source } = part;
  const of = `of ${name} (data sheet: ${source})`;
  const settings: (Setting | undefined)[] = [
    { name: 'BROWNOUT_NVM_ADDRESS_BYTES', value: `${addressBytes}`, what: 'bytes of an address' },
    page && {
      name: 'BROWNOUT_NVM_PAGE_BYTES',
      value: `${Math.min(page.bytes, MOST_PAGE_BYTES)}u`,
      what: `what is written at once, at most the latch of ${page.bytes}`,
    },
    sleep === undefined
      ? undefined
      : { name: 'BROWNOUT_NVM_SLEEP', value: hex(sleep), what: 'opcode of sleep' },
    wake === undefined
      ? undefined
      : { name: 'BROWNOUT_NVM_WAKE', value: hex(wake), what: 'opcode that ends its sleep' },
    ...unusual<SpiOpcodes>(
      {
        read: ['READ', 'opcode of reading'],
        write: ['WRITE', 'opcode of writing'],
        writeEnable: ['WRITE_ENABLE', 'opcode that lets the next write be'],
        writeDisable: ['WRITE_DISABLE', 'opcode that takes that back'],
        readStatus: ['READ_STATUS', 'opcode of its status'],
      },
      opcodes,
      USUAL_OPCODES,
    ),
    ...unusual<SpiStatus>(
      {
        busy: ['WRITE_IN_PROGRESS', 'bit of its status: it writes'],
        enabled: ['WRITE_ENABLED', 'bit of its status: it takes a write'],
      },
      status,
      USUAL_STATUS,
    ),
  ];
  return settings
    .filter((setting) => setting !== undefined)
    .map((setting) => ({ ...setting, what: `${setting.what}, ${of}` }));
}

const kib = (bytes: number): string => `${bytes / KIB} KB`;
const times = (lasts: number): string => lasts.toExponential().replace('e+', ' · 10^').replace(/^1 · /, '');

/** Rows of the table of parts in docs/FIRMWARE.md. */
export const spiPartRows = (): string[][] => [
  ['`--part`', 'body', 'holds', 'address', 'page', 'sleep', 'a byte lasts', 'data sheet'],
  ...PARTS.map((part) => {
    const { name, nvm, bytes, addressBytes, page, sleep, wake, lineBytes, lasts, refused, source } = part;
    const written = page ? `${page.bytes} B, ${page.ms} ms` : '';
    const needs = lineBytes ? `; needs \`--line ${lineBytes}\`` : '';
    return [
      `\`${name}\``,
      refused ? `refused: ${refused}` : `\`${nvm}\`${needs}`,
      kib(bytes),
      `${addressBytes} B`,
      written,
      [sleep, wake].flatMap((opcode) => (opcode === undefined ? [] : [hex(opcode)])).join(', wake '),
      times(lasts),
      source,
    ];
  }),
];
