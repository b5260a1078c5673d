/** Copies the old array into the larger one, and returns that. */
export function grown<A extends Float64Array | Uint32Array>(old: A, larger: A): A {
  larger.set(old);
  return larger;
}
