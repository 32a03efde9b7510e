// A firmware folder for one image: C99 that builds as it stands, and with a cross compiler at hand the program itself.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Usage } from '../analyze/analyze.js';
import { BrownoutError, ExitCode } from '../error.js';
import { imageOf } from '../ops/given-image.js';
import type { Image } from '../model/image.js';
import type { DeviceProfile } from '../profiles/profile.js';
import { targetOf } from '../power/target.js';
import { BOOT2_BYTES, boot2, boot2Listing } from '../firmware/boot2.js';
import { loadSegments, programForms } from '../firmware/binaries.js';
import { elfSize, type FirmwareSize, inTemporaryFolder, linkElf, writeFiles } from '../firmware/build-elf.js';
import { compareC } from '../firmware/compare-c.js';
import { cBytes } from '../firmware/emit-c.js';
import type { Checks } from '../firmware/model-c.js';
import { type HardwareBoard, hardwareCalled } from '../firmware/hardware.js';
import { type Layout, layoutCalled, layoutKind } from '../firmware/layouts.js';
import { type Earlier, earlierOf } from '../firmware/updates.js';
import { type NvmKind, nvmBody, nvmKinds } from '../firmware/nvm-bodies/index.js';
import {
  checkPair,
  nvmOf,
  portingText,
  portSettings,
  type Support,
  withSignatureNeed,
} from '../firmware/support.js';
import { moduleOfTarget } from '../firmware/module-of-target.js';
import { firmwareFiles, MODULE, type Part, partSources } from '../firmware/sources.js';
import { partSettings, type SpiPart, spiPartFor } from '../firmware/spi-parts.js';
import { MANIFEST, type Manifest, type ModuleStatement } from '../firmware/manifest.js';
import { compilerOf, type MemoryMap, type Target, targetCalled } from '../firmware/targets.js';
import { findTool, hasLibrary, installHint } from '../firmware/tools.js';
import { wasmFiles } from '../firmware/wasm-target.js';
import { didYouMean } from '../options/suggest.js';
import { type Origin, originOf } from '../origin.js';
import { type Checked, checkOptions } from '../options/table.js';
import { verify } from '../verify/verify.js';
import { type ExportOptions, exportOptions } from './options.js';

/** What firmware takes of a part. */
export interface FirmwareUsage extends FirmwareSize {
  flash: Usage;
  ram: Usage;
  nvm: Usage;
}

/** A folder of firmware, in memory: what `exportFirmware` returns. */
export interface FirmwareExport {
  origin: Origin;
  target: string;
  device: string;
  /** Whether that is what the image was compiled for. */
  notes: string[];
  /** Contents by file name. */
  files: Map<string, Uint8Array>;
  module: ModuleStatement;
  /** Whose signature the image has: the public key in hex; undefined: nobody's. */
  signedBy: string | undefined;
  /** Images whose NVM it takes over, and the layers whose learnt weights go on. */
  from: { name: string; imageId: number; layers: string[] }[];
  /** Of the linked program; undefined for `posix`, and where there is no cross compiler. */
  usage: FirmwareUsage | undefined;
  /** What is known of the board with this NVM and layout, and what a person still fills in. */
  support: Exclude<Support, { kind: 'refused' }>;
  /** The board that was asked for. */
  board: string | undefined;
  /** The memory behind SPI that was asked for. */
  part: string | undefined;
  /** Why there is no program, and what to do. */
  note: string | undefined;
}

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** Where a part like the profile has its memories, until the user says better. */
function mapOf(profile: DeviceProfile): MemoryMap {
  return {
    flash: { origin: 0, bytes: profile.flashBytes.value },
    sram: { origin: 0x2000_0000, bytes: profile.sramBytes.value },
    nvm: { origin: 0x2100_0000, bytes: profile.nvmBytes.value },
  };
}

/** What makes a firmware take less of a memory. */
const SMALLER = {
  flash: '`brownout compress --flash`: fewer weights, or fewer bits of them',
  ram: 'compile with a smaller arenaBytes',
  nvm: 'compile with a smaller nvmBytes',
} as const;

function sizeError(
  memory: keyof typeof SMALLER,
  usedBytes: number,
  totalBytes: number,
  where: string,
  what: string = memory,
): BrownoutError {
  const over = usedBytes - totalBytes;
  return new BrownoutError({
    code: 'E_FIRMWARE_SIZE',
    found: `${usedBytes} bytes of ${what}`,
    expected: `at most the ${totalBytes} of ${where}`,
    hint: `Make it ${over} bytes smaller (${SMALLER[memory]}), or name a larger part: \`board\`, \`device\`.`,
  });
}

/** What is linked, and the part it must fit. */
interface Program extends Part {
  /** The board's name, or the device's. */
  name: string;
  board: HardwareBoard | undefined;
  /** Flash that the log of `--nvm flash` takes behind the program; 0 where nobody says where it is. */
  logBytes: number;
  nvmBytes: number;
}

function usageOf(size: FirmwareSize, image: Image, { map, logBytes, nvmBytes }: Program): FirmwareUsage {
  const { codeBytes, imageBytes, staticBytes, stackBytes } = size;
  return {
    ...size,
    flash: { usedBytes: codeBytes + imageBytes + logBytes, totalBytes: map.flash.bytes + logBytes },
    ram: { usedBytes: staticBytes + stackBytes, totalBytes: map.sram.bytes },
    nvm: { usedBytes: image.nvmBytes, totalBytes: nvmBytes },
  };
}

function checkFit(usage: FirmwareUsage, name: string): void {
  for (const what of ['flash', 'ram', 'nvm'] as const) {
    const { usedBytes, totalBytes } = usage[what];
    if (usedBytes > totalBytes) throw sizeError(what, usedBytes, totalBytes, name);
  }
}

/** Links in `folder`; where a memory is too small, the linker says by how much. */
function linkProgram(folder: string, program: Program): string {
  const { target, map, logBytes, name } = program;
  try {
    return linkElf(folder, partSources(program), { target, defines: [] });
  } catch (error) {
    const [, region, over] = /region [`'](\w+)':? overflowed by (\d+) bytes/.exec(String(error)) ?? [];
    if (region === undefined) throw error;
    const extra = region === 'FLASH' ? logBytes : 0;
    const total = (region === 'FLASH' ? map.flash : map.sram).bytes + extra;
    throw sizeError(region === 'FLASH' ? 'flash' : 'ram', total + Number(over), total, name);
  }
}

/** Links what is to be exported; the program in every form that the part takes. */
function link(
  files: Map<string, string>,
  image: Image,
  program: Program,
): Promise<{ programs: Map<string, Uint8Array>; usage: FirmwareUsage }> {
  const { target, name, board } = program;
  return inTemporaryFolder((folder) => {
    writeFiles(folder, files);
    const path = linkProgram(folder, program);
    const usage = usageOf(elfSize(path, target.toolchain!), image, program);
    checkFit(usage, name);
    const elf = new Uint8Array(readFileSync(path));
    const forms = programForms(loadSegments(elf), board?.uf2?.family);
    return { programs: new Map([['firmware.elf', elf], ...forms]), usage };
  });
}

/** brownout_boot2.c: the boot loader as bytes. */
const boot2Source = (): string =>
  [
    '/* The second-stage boot loader of an RP2040, with the checksum that its boot ROM asks for. Made by brownout export.',
    ' *',
    ...boot2Listing().map((line) => ` *   ${line}`),
    ' */',
    '#include <stdint.h>',
    '',
    'extern const uint8_t boot2[];',
    `__attribute__((section(".boot2"), used)) const uint8_t boot2[${BOOT2_BYTES}] = {`,
    ...cBytes(boot2()),
    '};',
    '',
  ].join('\n');

/** Where a program goes, by board or device. */
function programFor(
  image: Image,
  target: Target,
  nvm: NvmKind,
  {
    board,
    memory,
    profile,
    earlier,
    checks,
  }: {
    board: HardwareBoard | undefined;
    memory: SpiPart | undefined;
    profile: DeviceProfile;
    earlier: readonly Earlier[];
    checks: Checks;
  },
): Program {
  const map = { ...mapOf(profile), ...board?.map };
  const base = {
    target,
    nvm,
    map,
    board,
    earlier,
    checks,
    name: board?.name ?? profile.name,
  };
  const own = board?.boots2 ? { own: new Map([['brownout_boot2.c', boot2Source()]]) } : {};
  const nvmBytes = memory?.bytes ?? profile.nvmBytes.value;
  const placement = nvmBody(nvm).place({
    map,
    nvmBytes: image.nvmBytes,
    page: board?.page,
    isFram: board?.isFram ?? false,
  });
  const { flashBytes: logBytes, capacityBytes = nvmBytes } = placement;
  const settings = [
    ...placement.settings,
    ...(memory ? partSettings(memory) : []),
    ...(board ? portSettings(board, nvm) : []),
    ...(board?.unit ? [board.unit.setting] : []),
  ];
  const { origin, bytes } = map.flash;
  if (logBytes >= bytes) throw sizeError('flash', logBytes, bytes, base.name, 'flash for the log');
  const flash = { origin, bytes: bytes - logBytes };
  return { ...base, ...own, map: { ...map, flash }, settings, logBytes, nvmBytes: capacityBytes };
}

/** The kind of NVM called `name`, or the board's or target's own. Throws `E_NVM`. */
function nvmCalled(name: string | undefined, board: HardwareBoard | undefined, target: Target): NvmKind {
  const known = nvmOf(board, target);
  const found = name === undefined ? known[0] : nvmKinds.find((kind) => kind === name);
  if (found) return found;
  throw new BrownoutError({
    code: 'E_NVM',
    found: `NVM "${name}" on ${board?.name ?? target.name}`,
    expected: known.join(', '),
    hint: didYouMean(name ?? '', known),
  });
}

type ExportSettings = Checked<ExportOptions, typeof exportOptions>;

/** What the device checks of its image. Throws `E_OPTION` where it cannot. */
function checksOf({ checkSignature, checkPlan, signedBy }: ExportSettings, target: Target): Checks {
  const refuse = (found: string, expected: string, hint: string): never => {
    throw new BrownoutError({ code: 'E_OPTION', found, expected, hint });
  };
  if (checkSignature && signedBy === undefined)
    refuse(
      '`checkSignature` without `signedBy`',
      'the key that the device is to trust',
      'Give `signedBy`, or leave `checkSignature` out.',
    );
  const [asked] = [checkSignature && 'checkSignature', checkPlan && 'checkPlan'].filter((name) => name);
  if (asked && target.name === 'wasm')
    refuse(
      `\`${asked}\` for a WASM runtime`,
      'a target that is C',
      `Give another \`target\`, or leave \`${asked}\` out: the runtime keeps the module in.`,
    );
  return { signature: checkSignature, plan: checkPlan };
}

/** The C project of an image, and its program where there is a compiler. */
async function projectFiles(
  image: Image,
  layout: Layout,
  program: Program,
  compares: boolean,
): Promise<
  Pick<FirmwareExport, 'files' | 'usage' | 'note'> & { wasm: Uint8Array; compared?: number | undefined }
> {
  const { target } = program;
  const module = await moduleOfTarget(image, target);
  const { wasm } = module;
  const text = firmwareFiles(image, module, program);
  const made = { wasm, compared: compares ? await compareC(image, module, text) : undefined };
  const laidOut = layoutKind(layout).lay(text, { ...program, name: image.metadata.name });
  const files = new Map<string, Uint8Array>(
    [...laidOut].map(([name, content]) => [name, new Uint8Array(Buffer.from(content))]),
  );
  files.set(MODULE, wasm);
  const compiler = compilerOf(target);
  const library = program.board?.unit?.library;
  if (library)
    return {
      ...{ files, usage: undefined, ...made },
      note: `no firmware.elf: it takes the ${library.name}. ${layoutKind(layout).note}`,
    };
  if (layout !== 'make' || !target.toolchain)
    return { files, usage: undefined, note: layoutKind(layout).note, ...made };
  if (findTool(compiler) === undefined || !hasLibrary(compiler)) {
    const what = findTool(compiler) === undefined ? compiler : `C library of ${compiler}`;
    const note = `no firmware.elf, as there is no ${what}. ${installHint(compiler)}`;
    return { files, usage: undefined, note, ...made };
  }
  const { programs, usage } = await link(text, image, program);
  for (const [name, bytes] of programs) files.set(name, bytes);
  return { files, usage, note: undefined, ...made };
}

/** Proves every job of the image on the module. Throws `E_VERIFY`. */
function proveModule(image: Image, wasm: Uint8Array): ModuleStatement['proved'] {
  const jobs = (['infer', 'learn'] as const).filter((_, kind) => image.jobs[kind]!.count > 0);
  for (const job of jobs) {
    const { violations, counterexample } = verify(image, { module: wasm, job, search: false });
    if (violations === 0) continue;
    throw new BrownoutError(
      {
        code: 'E_VERIFY',
        found: `job "${job}" on the module that was built: ${counterexample!.obligation}: ${counterexample!.found}`,
        expected: 'a proof that no power failure changes its result',
        hint: 'Compile the model again; `brownout verify` says more. Without the proof: `--no-verify`.',
      },
      ExitCode.WRONG,
    );
  }
  return jobs;
}

/**
 * The firmware of `image` as files; nothing is written. Throws `E_IMAGE_…`, `E_TARGET`, `E_NVM`, `E_BOARD`, `E_LAYOUT`,
 * `E_DEVICE`, `E_FIRMWARE_SIZE`, `E_VERIFY`, and
 * `E_TOOL_MISSING` where the compilers of WASM are absent. Without a cross compiler there is no program, and a note.
 */
export async function exportFirmware(
  file: Uint8Array | Image,
  options: ExportOptions = {},
): Promise<FirmwareExport> {
  const settings = checkOptions(exportOptions, options);
  const image = imageOf(file, settings.signedBy);
  const named = settings.board ?? (settings.target === 'msp430' ? 'msp430fr5994' : undefined);
  const board = named === undefined ? undefined : hardwareCalled(named);
  const targetName = settings.target ?? board?.core ?? 'cortex-m4';
  const target = targetCalled(targetName);
  const device = settings.device ?? board?.device;
  const { profile, notes } = targetOf(image, device === undefined ? {} : { device });
  const { nvmBytes } = image;
  const memory =
    settings.part === undefined
      ? undefined
      : spiPartFor(settings.part, settings.nvm, { nvmBytes, line: image.metadata.line ?? 1 });
  const nvm = nvmCalled(settings.nvm ?? memory?.nvm, board, target);
  const layout = layoutCalled(settings.layout);
  const pair = { board, target, nvm, layout } as const;
  const checks = checksOf(settings, target);
  const support = checks.signature ? withSignatureNeed(checkPair(pair)) : checkPair(pair);
  const old = (settings.from ?? []).map((one) => imageOf(one));
  const earlier = old.map((one) => earlierOf(one, image));
  const { files, usage, note, wasm, compared } =
    target.name === 'wasm'
      ? { ...(await wasmFiles(image, nvm)), usage: undefined, compared: undefined }
      : await projectFiles(
          image,
          layout,
          programFor(image, target, nvm, { board, memory, profile, earlier, checks }),
          settings.verify,
        );
  files.set('PORTING.md', new Uint8Array(Buffer.from(portingText(pair, support))));
  const proved = settings.verify ? proveModule(image, wasm) : [];
  const module = {
    file: MODULE,
    bytes: wasm.length,
    sha256: sha256(wasm),
    proved,
    compared: compared ?? null,
  };
  const origin = originOf({ image: image.file, module: wasm });
  const manifest: Manifest = {
    tool: 'brownout',
    version: origin.version,
    board: board?.name ?? null,
    nvm,
    part: memory?.name ?? null,
    layout,
    target: targetName,
    device: profile.name,
    name: image.metadata.name,
    imageId: image.imageId,
    imageSha256: sha256(image.file),
    module,
    files: Object.fromEntries([...files].map(([name, bytes]) => [name, sha256(bytes)])),
  };
  files.set(MANIFEST, new Uint8Array(Buffer.from(`${JSON.stringify(manifest, null, 2)}\n`)));
  const from = earlier.map(({ layers }, i) => {
    return { name: old[i]!.metadata.name, imageId: old[i]!.imageId, layers };
  });
  return {
    origin,
    target: targetName,
    device: profile.name,
    notes,
    files,
    module,
    signedBy: image.signature?.signedBy,
    from,
    usage,
    note,
    support,
    board: board?.name,
    part: memory?.name,
  };
}
