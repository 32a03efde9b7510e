// scripts/install-tools.sh with an apt-get of ours: what it asks for, and what it says where it cannot help.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { temporaryFolder } from './util/native.js';

const root = fileURLToPath(new URL('../../', import.meta.url));
const script = join(root, 'scripts/install-tools.sh');

/** The program by which the script knows a package, where it is not called as the package is. */
const PROGRAMS: Record<string, string> = {
  'gcc-arm-none-eabi': 'arm-none-eabi-gcc',
  'binutils-arm-none-eabi': 'arm-none-eabi-objcopy',
  'gcc-riscv64-unknown-elf': 'riscv64-unknown-elf-gcc',
  'qemu-system-misc': 'qemu-system-riscv32',
  wabt: 'wasm2c',
  lld: 'ld.lld',
  llvm: 'llvm-size',
  imagemagick: 'convert',
};

/** Compilers that find a C library only after its package is installed. */
const LIBRARIES: Record<string, string> = {
  'libc6-dev': 'gcc',
  'libnewlib-arm-none-eabi': 'arm-none-eabi-gcc',
  'picolibc-riscv64-unknown-elf': 'riscv64-unknown-elf-gcc',
};

const packages = /^packages=\(([^)]*)\)/m.exec(readFileSync(script, 'utf8'))![1]!.trim().split(/\s+/);

interface Machine {
  folder: string;
  /** Calls of apt-get, a line each. */
  calls: () => string[];
  run: () => { status: number | null; out: string };
}

/**
 * A machine with nothing but bash and an apt-get that installs what it is asked for: `lacks` are packages it does not
 * know; with `stale` lists it knows none before `update`.
 */
function machine({ lacks = [] as string[], stale = false, user = 0 } = {}): Machine {
  const folder = temporaryFolder('tools');
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  // Another user may not read where the project lies.
  const copy = join(folder, 'install-tools.sh');
  writeFileSync(copy, readFileSync(script, 'utf8').replace('/usr/bin/env bash', '/bin/bash'));
  chmodSync(copy, 0o755);
  chmodSync(folder, 0o755);
  const program = (name: string, text: string): void => {
    writeFileSync(join(bin, name), `#!/bin/bash\n${text}\n`);
    chmodSync(join(bin, name), 0o755);
  };
  // Bash alone does all of it: none of the machine's own programs is in PATH.
  const cases = packages.map((name) => {
    const library = LIBRARIES[name] !== undefined || name.startsWith('python3-');
    const target = library ? `${name}.library` : (PROGRAMS[name] ?? name);
    const compiler = Object.entries(LIBRARIES).find(([, gcc]) => gcc === target)?.[0];
    const text = compiler ? `#!/bin/bash\\n[[ -e ${bin}/${compiler}.library ]]\\n` : '#!/bin/bash\\n';
    return `${name}) printf '${text}' >${bin}/${target}; chmod +x ${bin}/${target} ;;`;
  });
  symlinkSync('/bin/chmod', join(bin, 'chmod'));
  // `python3 -c 'import NAME'` works once its package is there.
  program('python3', `[[ -e ${bin}/python3-\${2#import }.library ]]`);
  program(
    'apt-get',
    `echo "$*" >>${folder}/calls
[[ $1 == update ]] && { : >${folder}/fresh; exit 0; }
${stale ? `[[ -e ${folder}/fresh ]] || exit 100` : ''}
names=(); for name in "\${@:2}"; do [[ $name == -* ]] || names+=("$name"); done
for name in "\${names[@]}"; do case "$name" in ${lacks.join('|') || 'none'}) echo "E: no $name" >&2; exit 100;; esac; done
for name in "\${names[@]}"; do case "$name" in
${cases.join('\n')}
esac; done`,
  );
  return {
    folder,
    calls: () => {
      const path = join(folder, 'calls');
      return existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n') : [];
    },
    run: () => {
      const identity = user === 0 ? {} : { uid: user, gid: user };
      const { status, stdout, stderr } = spawnSync(copy, {
        env: { PATH: bin },
        encoding: 'utf8',
        ...identity,
      });
      return { status, out: stdout + stderr };
    },
  };
}

const isRoot = process.getuid?.() === 0;
const asRoot = isRoot ? test : test.skip;
if (!isRoot) console.log('skipped: installing tools: it takes root. To enable: run npm test as root');

asRoot('one call installs all, and then there is nothing to do', () => {
  const { run, calls } = machine();
  assert.is(run().status, 0);
  assert.equal(calls(), [`install -qq --no-install-recommends ${packages.join(' ')}`]);
  assert.equal(run(), { status: 0, out: '' });
  assert.is(calls().length, 1);
});

asRoot('lists of packages are fetched where they are old', () => {
  const { run, calls } = machine({ stale: true });
  assert.is(run().status, 0);
  assert.equal(
    calls().map((call) => call.split(' ')[0]),
    ['install', 'update', 'install'],
  );
});

asRoot('a package that cannot be had keeps out no other', () => {
  const { run, folder } = machine({ lacks: ['mspdebug', 'picolibc-riscv64-unknown-elf'] });
  const { status, out } = run();
  assert.is(status, 4);
  assert.match(out, 'missing: picolibc-riscv64-unknown-elf mspdebug; tests that need them are skipped');
  assert.match(out, 'E: no mspdebug');
  const there = readdirSync(join(folder, 'bin'));
  for (const name of packages.filter((each) => !out.includes(each)))
    assert.ok(there.includes(PROGRAMS[name] ?? name) || LIBRARIES[name], name);
});

asRoot('who is not root is told the command', () => {
  const { run, calls } = machine({ user: 65534 });
  const { status, out } = run();
  assert.is(status, 4);
  assert.match(out, 'only root may install packages: run `sudo ');
  assert.equal(calls(), []);
});

test('where there is no apt-get, it says so', () => {
  const { status, stderr } = spawnSync('/bin/bash', [script], {
    env: { PATH: '/nowhere' },
    encoding: 'utf8',
  });
  assert.is(status, 4);
  assert.match(stderr, 'there is no apt-get here');
  assert.match(stderr, `missing: ${packages.join(' ')};`);
});

test('it installs every package that a test asks for', () => {
  const tests = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' });
  const text = [...tests.map((name) => `test/${name}`), 'host/firmware/tools.ts']
    .filter((name) => name.endsWith('.ts') && !name.endsWith('tools.test.ts'))
    .map((name) => readFileSync(join(root, name), 'utf8'))
    .join('\n');
  // Tables of them: `program: 'packages'`.
  const row =
    /'?\b(?:(?:[\w-]+-)?(?:gcc|objcopy)|qemu-system-\w+|wasm2c|c?make|clang|ld\.lld|mspdebug)'?: '([^']+)'/g;
  const asked = [...text.matchAll(row)];
  const names = new Set(asked.flatMap(([, found]) => found!.split(' ')));
  assert.ok(names.size > 6, [...names].join(' '));
  assert.equal(
    [...names].filter((name) => !packages.includes(name)),
    [],
  );
});

test.run();
