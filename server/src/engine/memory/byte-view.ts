/**
 * A view of bytes from outside, for reading words at any place. Creating one takes longer than what it is used for, so the last one is kept: most
 * calls are about the same buffer as the one before.
 */
export class ByteView {
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(this.#bytes.buffer);

  of(bytes: Uint8Array): DataView {
    if (bytes !== this.#bytes) this.#look(bytes);
    return this.#view;
  }

  #look(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }
}
