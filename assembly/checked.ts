// The checked build keeps assertions: one that fails leaves its line here and traps.
import { line } from './checked/abort';

export function failedLine(): i32 {
  return line;
}
