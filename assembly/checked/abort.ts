/** Line of the assertion that failed; 0: none. */
export let line: i32 = 0;

export function abort(_message: string | null, _file: string | null, at: u32, _column: u32): void {
  line = at;
  unreachable();
}

export default abort;
