#!/usr/bin/env bash
# AssemblyScript's asconfig.json may name `entries` for all targets; a target's own `entries` are ignored without a word.
#
# Whoever builds several modules from one project (a kernel of one's own beside Brownout's device module, say) and names each
# module's files under its target gets a module of the common entries, with none of the functions asked for. The files have
# to be named on the command line.
set -euo pipefail
folder="$(mktemp -d)"
trap 'rm -rf "$folder"' EXIT
cd "$folder"

npm init -y >/dev/null
npm install --silent --no-audit --no-fund assemblyscript@0.28.20
npx asc --version

echo 'export function common(): i32 { return 1; }' >common.ts
echo 'export function special(): i32 { return 2; }' >special.ts
cat >asconfig.json <<'JSON'
{
  "entries": ["./common.ts"],
  "targets": { "special": { "entries": ["./special.ts"], "outFile": "special.wasm" } }
}
JSON

npx asc --target special
exports="$(node -e 'console.log(Object.keys(new WebAssembly.Instance(new WebAssembly.Module(fs.readFileSync("special.wasm"))).exports).join(" "))')"
echo "exports of the target \"special\": $exports"
[[ "$exports" == *common* && "$exports" != *special* ]] || {
  echo 'changed: entries of a target count now' >&2
  exit 1
}
