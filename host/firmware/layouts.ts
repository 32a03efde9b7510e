// How exported files lie in a folder: as a make or CMake project, a Zephyr module, or an Arduino and PlatformIO library.
import { BrownoutError } from '../error.js';
import { didYouMean } from '../options/suggest.js';
import { packageVersion } from '../package.js';
import { asksSupply } from './hardware.js';
import { librarySources, packageText, type Part, programFiles, programSources } from './sources.js';
import { compilerOf } from './targets.js';

interface Laid extends Part {
  /** Of the image. */
  name: string;
}

type Files = Map<string, string>;

const lines = (...text: string[]): string => `${text.join('\n')}\n`;

/** Puts files that pass `pick` into a folder of the layout. */
const move = (files: Files, folder: string, pick: (name: string) => boolean): Files =>
  new Map([...files].filter(([name]) => pick(name)).map(([name, text]) => [`${folder}${name}`, text]));

/** Files that make builds with: for people to edit. */
const BUILD = ['Makefile', 'link.ld'];

/** Whether a file is the library's; the others are the example's, or make's. */
const isLibraryOf = (laid: Laid): ((name: string) => boolean) => {
  const others = [...programFiles(laid), ...BUILD, ...(laid.own?.keys() ?? [])];
  return (name) => !others.includes(name);
};

/** Of a toolchain file: clang assembles, and LLVM's linker is called by its own name. */
const llvmLines = (flags: string): string[] => [
  'set(CMAKE_ASM_COMPILER clang)',
  `set(CMAKE_ASM_FLAGS_INIT "${flags}")`,
  'set(CMAKE_C_LINK_EXECUTABLE "ld.lld <LINK_FLAGS> <OBJECTS> -o <TARGET> <LINK_LIBRARIES>")',
];

/** Where `brownout flash` looks for the program. */
const CMAKE_PROGRAM = [
  '  set_target_properties(firmware PROPERTIES SUFFIX .elf',
  `    RUNTIME_OUTPUT_DIRECTORY \${CMAKE_CURRENT_SOURCE_DIR})`,
];

/** Of a vector unit. */
const CMAKE_LIBRARY = [
  'set(DSPLIB "" CACHE PATH "where include/ and libdsplib.a of the library are that PORTING.md names")',
  `if(NOT EXISTS \${DSPLIB}/include/DSPLib.h)`,
  '  message(FATAL_ERROR "give -DDSPLIB=FOLDER, with include/DSPLib.h and libdsplib.a: PORTING.md says of what")',
  'endif()',
  `target_include_directories(brownout PUBLIC \${DSPLIB}/include)`,
  `target_link_libraries(brownout PUBLIC \${DSPLIB}/libdsplib.a)`,
];

function cmake(files: Files, laid: Laid): Files {
  const { target } = laid;
  const { toolchain, flags } = target;
  const isLlvm = compilerOf(target) === 'clang';
  const made = [...(laid.own?.keys() ?? [])];
  const board = [...programSources(laid).filter((name) => name !== 'main.c'), ...made];
  const library = laid.board?.unit ? CMAKE_LIBRARY : [];
  const all = new Map([...files].filter(([name]) => name !== 'Makefile'));
  const script = `\${CMAKE_CURRENT_SOURCE_DIR}/link.ld`;
  all.set(
    'CMakeLists.txt',
    lines(
      '# For add_subdirectory(): `brownout_board`, which is `brownout` and what that needs of the part, start-up code',
      '# included. Where this is the project, the example `firmware` too.',
      'cmake_minimum_required(VERSION 3.13)',
      `project(brownout C${isLlvm ? ' ASM' : ''})`,
      `add_library(brownout STATIC ${librarySources(laid).join(' ')})`,
      '# Objects: of an archive the linker takes the first function of a name, and never a port in place of a default.',
      `add_library(brownout_part OBJECT ${board.join(' ')})`,
      `target_include_directories(brownout PUBLIC \${CMAKE_CURRENT_SOURCE_DIR})`,
      `target_include_directories(brownout_part PRIVATE \${CMAKE_CURRENT_SOURCE_DIR})`,
      'add_library(brownout_board INTERFACE)',
      `target_sources(brownout_board INTERFACE $<TARGET_OBJECTS:brownout_part>)`,
      'target_link_libraries(brownout_board INTERFACE brownout)',
      ...library,
      'foreach(library brownout brownout_part)',
      `  set_target_properties(\${library} PROPERTIES C_STANDARD 99)`,
      `  target_compile_options(\${library} PRIVATE -O2 -ffunction-sections -fdata-sections)`,
      'endforeach()',
      ...(toolchain
        ? [
            isLlvm
              ? `target_link_options(brownout_board INTERFACE -T ${script} --gc-sections)`
              : `target_link_options(brownout_board INTERFACE -nostartfiles -T ${script} -Wl,--gc-sections)`,
          ]
        : []),
      'if(CMAKE_SOURCE_DIR STREQUAL CMAKE_CURRENT_SOURCE_DIR)',
      '  add_executable(firmware main.c)',
      '  target_link_libraries(firmware PRIVATE brownout_board)',
      ...(toolchain ? CMAKE_PROGRAM : []),
      'endif()',
    ),
  );
  if (toolchain) {
    all.set(
      'toolchain.cmake',
      lines(
        `# ${target.name}.`,
        'set(CMAKE_SYSTEM_NAME Generic)',
        `set(CMAKE_C_COMPILER ${compilerOf(target)})`,
        'set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)',
        `set(CMAKE_C_FLAGS_INIT "${flags.join(' ')}")`,
        ...(isLlvm ? llvmLines(flags.join(' ')) : []),
      ),
    );
  }
  return all;
}

/** The port of the board's monitor, of those of the example the one that a system with drivers of its own leaves to us. */
function monitorPort(files: Files, { board, nvm }: Laid, folder: string): [name: string, text: string][] {
  const name = board && asksSupply(board, nvm) ? board.ports.power : undefined;
  return name === undefined ? [] : [[`${folder}${name}`, files.get(name)!]];
}

function zephyr(files: Files, laid: Laid): Files {
  const monitor = monitorPort(files, laid, 'samples/sense/src/');
  const own = ['main.c', 'brownout_hal.c', 'brownout_board_zephyr.c'].map((name) => `src/${name}`);
  const isLibrary = isLibraryOf(laid);
  const isHeader = (name: string): boolean => name.endsWith('.h') && name !== 'brownout_wasm.h';
  const sources = librarySources(laid).map((name) => `  \${CMAKE_CURRENT_LIST_DIR}/../src/${name}`);
  return new Map([
    ...move(files, 'include/', (name) => isLibrary(name) && isHeader(name)),
    ...move(files, 'src/', (name) => isLibrary(name) && !isHeader(name)),
    ['include/brownout_board.h', files.get('brownout_board.h')!],
    ['zephyr/module.yml', lines('name: brownout', 'build:', '  cmake: zephyr', '  kconfig: zephyr/Kconfig')],
    [
      'zephyr/Kconfig',
      lines(
        'config BROWNOUT',
        '\tbool "Neural network that survives power failures"',
        '\thelp',
        '\t  An exported image and its module. The application supplies brownout_power_low() and',
        '\t  brownout_trap() (brownout_hal.h), and calls brownout.h from one thread.',
      ),
    ],
    [
      'zephyr/CMakeLists.txt',
      lines(
        'if(CONFIG_BROWNOUT)',
        `zephyr_include_directories(\${CMAKE_CURRENT_LIST_DIR}/../include)`,
        'zephyr_library()',
        'zephyr_library_sources(',
        ...sources,
        ')',
        'endif()',
      ),
    ],
    [
      'samples/sense/CMakeLists.txt',
      lines(
        'cmake_minimum_required(VERSION 3.20.0)',
        'find_package(Zephyr REQUIRED HINTS $ENV{ZEPHYR_BASE})',
        'project(sense)',
        `target_sources(app PRIVATE ${[...own, ...monitor.map(([path]) => path.replace('samples/sense/', ''))].join(' ')})`,
      ),
    ],
    ['samples/sense/prj.conf', lines('CONFIG_BROWNOUT=y')],
    ...monitor,
    ['samples/sense/src/main.c', files.get('main.c')!],
    ['samples/sense/src/brownout_hal.c', packageText('brownout_hal.c')],
    ['samples/sense/src/brownout_board_zephyr.c', packageText('brownout_board_zephyr.c')],
  ]);
}

function arduino(files: Files, laid: Laid): Files {
  return new Map([
    ...move(files, 'src/', isLibraryOf(laid)),
    ['src/brownout_hal.c', packageText('brownout_hal.c')],
    ...monitorPort(files, laid, 'src/'),
    [
      'library.properties',
      lines(
        'name=Brownout',
        `version=${packageVersion()}`,
        'author=Brownout',
        'maintainer=Brownout',
        'sentence=A neural network that survives power failures.',
        `paragraph=The image "${laid.name}" and the module that runs it, for boards with non-volatile memory.`,
        'category=Data Processing',
        'url=https://www.npmjs.com/package/brownout',
        'architectures=*',
        'includes=brownout.h',
      ),
    ],
    [
      'library.json',
      `${JSON.stringify(
        {
          name: 'Brownout',
          version: packageVersion(),
          description: 'A neural network that survives power failures.',
          keywords: 'neural network, intermittent computing',
          frameworks: '*',
          platforms: '*',
          headers: 'brownout.h',
          build: { srcDir: 'src', includeDir: 'src' },
        },
        null,
        2,
      )}\n`,
    ],
    ['examples/Sense/Sense.ino', packageText('Sense.ino')],
  ]);
}

interface LayoutKind {
  /** What to do with the folder. */
  note: string;
  /** The command that builds `folder`'s program; absent: the framework of the layout builds it, and programs boards. */
  build?: (folder: string) => string;
  /** Files, besides the program's and those of NVM, for people to edit. */
  editable: readonly string[];
  /** The files of a make project, in this layout. */
  lay: (files: Files, laid: Laid) => Files;
}

const LAYOUTS = {
  make: {
    note: 'Run `make` there.',
    build: (folder: string) => `make -C ${folder}`,
    editable: BUILD,
    lay: (files: Files) => files,
  },
  cmake: {
    note: 'Run `cmake -B build -DCMAKE_TOOLCHAIN_FILE=toolchain.cmake && cmake --build build` there.',
    build: (folder: string) =>
      `cmake -S ${folder} -B ${folder}/build -DCMAKE_TOOLCHAIN_FILE=toolchain.cmake && cmake --build ${folder}/build`,
    editable: ['CMakeLists.txt', 'toolchain.cmake', 'link.ld'],
    lay: cmake,
  },
  zephyr: {
    note: 'Build samples/sense by `west`, EXTRA_ZEPHYR_MODULES the folder’s whole path; in your own, set CONFIG_BROWNOUT.',
    editable: ['CMakeLists.txt', 'Kconfig', 'module.yml', 'prj.conf', 'brownout_board_zephyr.c'],
    lay: zephyr,
  },
  arduino: {
    note: 'Move the folder into libraries/ of the sketchbook, or into lib/ of a PlatformIO project.',
    editable: ['Sense.ino', 'library.properties', 'library.json'],
    lay: arduino,
  },
} satisfies Record<string, LayoutKind>;

export type Layout = keyof typeof LAYOUTS;
export const layoutNames = Object.keys(LAYOUTS) as Layout[];
export const layoutKinds: readonly LayoutKind[] = Object.values(LAYOUTS);

export const layoutKind = (layout: Layout): LayoutKind => LAYOUTS[layout];

/** The layout that a folder's manifest names; make's where it names none that is known. */
export const layoutNamed = (name: string | undefined): LayoutKind =>
  layoutKind(layoutNames.find((layout) => layout === name) ?? 'make');

/** The layout called `name`; default make. Throws `E_LAYOUT`. */
export function layoutCalled(name = 'make'): Layout {
  const found = layoutNames.find((layout) => layout === name);
  if (found) return found;
  throw new BrownoutError({
    code: 'E_LAYOUT',
    found: `layout "${name}"`,
    expected: layoutNames.join(', '),
    hint: didYouMean(name, layoutNames),
  });
}
