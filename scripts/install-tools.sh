#!/usr/bin/env bash
# Installs the programs of other makers that tests run: compilers, emulators, a browser, what writes inputs. Only what
# is missing, from Debian's packages; nothing if all is there. `npm test` itself installs nothing: it skips what it has
# no program for, and says so. Exit code: 0 all is there, 4 something is still missing (it says what).
set -u

packages=(
  gcc libc6-dev make cmake wabt chromium
  gcc-arm-none-eabi binutils-arm-none-eabi libnewlib-arm-none-eabi qemu-system-arm
  gcc-riscv64-unknown-elf picolibc-riscv64-unknown-elf qemu-system-misc
  clang lld llvm mspdebug
  python3-numpy python3-pandas imagemagick ffmpeg sox
)

# Whether a compiler finds its C library.
has_library() { echo '#include <string.h>' | "$@" -fsyntax-only -x c - 2>/dev/null; }

# Whether what a package is wanted for is there, wherever it came from.
is_there() {
  case "$1" in
    libc6-dev) has_library gcc ;;
    libnewlib-arm-none-eabi) has_library arm-none-eabi-gcc ;;
    picolibc-riscv64-unknown-elf) has_library riscv64-unknown-elf-gcc --specs=picolibc.specs ;;
    gcc-arm-none-eabi) command -v arm-none-eabi-gcc ;;
    binutils-arm-none-eabi) command -v arm-none-eabi-objcopy ;;
    gcc-riscv64-unknown-elf) command -v riscv64-unknown-elf-gcc ;;
    qemu-system-misc) command -v qemu-system-riscv32 ;;
    wabt) command -v wasm2c ;;
    lld) command -v ld.lld ;;
    llvm) command -v llvm-size ;;
    python3-*) python3 -c "import ${1#python3-}" 2>&1 ;;
    imagemagick) command -v convert ;;
    chromium) command -v chromium || command -v chromium-browser || command -v google-chrome ;;
    *) command -v "$1" ;;
  esac >/dev/null
}

find_missing() {
  missing=()
  local name
  for name in "${packages[@]}"; do
    is_there "$name" || missing+=("$name")
  done
}

# Says what is missing and why, and ends.
give_up() {
  echo "install-tools: $1" >&2
  echo "missing: ${missing[*]}; tests that need them are skipped" >&2
  exit 4
}

install() { DEBIAN_FRONTEND=noninteractive apt-get install -qq --no-install-recommends "$@" </dev/null >/dev/null; }

find_missing
((${#missing[@]} == 0)) && exit 0
command -v apt-get >/dev/null || give_up 'there is no apt-get here: install these by the means of your system'
((EUID == 0)) || give_up "only root may install packages: run \`sudo ${BASH_SOURCE[0]}\`"

echo "installing ${missing[*]}"
# Lists of packages may be missing or old: they are fetched only if installing fails without.
if ! install "${missing[@]}" 2>/dev/null; then
  apt-get update -qq </dev/null >/dev/null
  # One by one if need be: a package that this release lacks must not keep out the others.
  install "${missing[@]}" 2>/dev/null || for name in "${missing[@]}"; do install "$name"; done
fi
find_missing
((${#missing[@]} == 0)) || give_up 'apt-get did not install all of them'
