/** The first byte after static data: the host's arena starts here. */
export function heapBase(): usize {
  return __heap_base;
}

/** cos(x), the same bits on every engine (JavaScript leaves Math.cos to the implementation). */
export function cosine(x: f32): f32 {
  return Mathf.cos(x);
}
