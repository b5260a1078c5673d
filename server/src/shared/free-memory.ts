/**
 * Gives the memory behind these bytes back at once; they and all views of the same buffer are empty afterwards. For large
 * buffers of a stream: left to the collector, a few hundred of 300 KB a second made it run twenty times a second.
 */
export function freeMemory({ buffer }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer) buffer.transfer(0);
}
