// The checked build keeps assertions: one that fails leaves its line here and traps.
let line: i32 = 0;

/** What a failed assertion calls: asconfig.json binds it, so that no import is needed. */
function abort(_message: string | null, _file: string | null, at: u32, _column: u32): void {
  line = at;
  unreachable();
}

/** Line of the assertion that failed; 0: none. */
export function failedLine(): i32 {
  return line;
}
