/**
 * Makes screenshots smaller: 256 colours of a page are almost all of its pixels, and the others (edges of letters) take the nearest of them.
 * A picture of 1920 by 1200 pixels shrinks from 380 to about 135 KiB.
 */
import { crc32, deflateSync, inflateSync } from "node:zlib";

const SIGNATURE = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
const RGB = 2;
const PALETTE = 3;
const COLOURS_MAX = 256;
/** Square of the distance up to which two colours are shades of one. */
const SHADE = 24 ** 2;

/** Takes and returns a PNG. Throws if it is none with 8 bits for each of red, green and blue, as browsers make of opaque pages. */
export function smallerPng(png: Buffer): Buffer {
  const header = chunkOf(png, "IHDR")[0] as Buffer;
  const [width, height] = [header.readUInt32BE(0), header.readUInt32BE(4)];
  if (header[8] !== 8 || header[9] !== RGB || header[12] !== 0)
    throw new Error("the picture is no PNG of RGB with 8 bits");
  const pixels = unfiltered(inflateSync(Buffer.concat(chunkOf(png, "IDAT"))), width * 3, height);
  const counts = new Map<number, number>();
  for (let at = 0; at < pixels.length; at += 3) {
    const colour = pixels.readUIntBE(at, 3);
    counts.set(colour, (counts.get(colour) ?? 0) + 1);
  }
  const colours = paletteOf([...counts].sort((a, b) => b[1] - a[1] || a[0] - b[0]).map(([colour]) => colour));
  const indexOf = new Map([...counts.keys()].map((colour) => [colour, nearest(colours, colour)]));
  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      rows[y * (width + 1) + 1 + x] = indexOf.get(pixels.readUIntBE((y * width + x) * 3, 3)) as number;
    }
  }
  const newHeader = Buffer.from(header);
  newHeader[9] = PALETTE;
  const table = Buffer.alloc(colours.length * 3);
  colours.forEach((colour, i) => void table.writeUIntBE(colour, i * 3, 3));
  const body = deflateSync(rows, { level: 9, memLevel: 9 });
  const chunks = [chunk("IHDR", newHeader), chunk("PLTE", table), chunk("IDAT", body), chunk("IEND", Buffer.alloc(0))];
  return Buffer.concat([SIGNATURE, ...chunks]);
}

/** Chooses the colours that stay out of all, the most frequent first. Rare colours that are unlike all others go before shades of frequent ones. */
function paletteOf(colours: readonly number[]): number[] {
  const chosen: number[] = [];
  for (const colour of colours) {
    if (chosen.length === COLOURS_MAX) return chosen;
    if (chosen.every((other) => distance(colour, other) > SHADE)) chosen.push(colour);
  }
  const taken = new Set(chosen);
  return [...chosen, ...colours.filter((colour) => !taken.has(colour))].slice(0, COLOURS_MAX);
}

function nearest(colours: readonly number[], colour: number): number {
  let [best, bestDistance] = [0, Number.POSITIVE_INFINITY];
  for (const [i, other] of colours.entries()) {
    const found = distance(colour, other);
    if (found < bestDistance) [best, bestDistance] = [i, found];
  }
  return best;
}

function distance(one: number, other: number): number {
  const [red, green, blue] = [16, 8, 0].map((by) => ((one >> by) & 255) - ((other >> by) & 255)) as [
    number,
    number,
    number,
  ];
  return red * red + green * green + blue * blue;
}

/** Returns the contents of the chunks of a type, in order. */
function chunkOf(png: Buffer, type: string): Buffer[] {
  const found: Buffer[] = [];
  for (let at = SIGNATURE.length; at < png.length; ) {
    const length = png.readUInt32BE(at);
    if (png.toString("latin1", at + 4, at + 8) === type) found.push(png.subarray(at + 8, at + 8 + length));
    at += length + 12;
  }
  return found;
}

function chunk(type: string, content: Buffer): Buffer {
  const named = Buffer.concat([Buffer.from(type, "latin1"), content]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(content.length, 0);
  frame.writeUInt32BE(crc32(named), 4);
  return Buffer.concat([frame.subarray(0, 4), named, frame.subarray(4)]);
}

/** Undoes the filters of the rows (PNG specification, section 9). */
function unfiltered(rows: Buffer, rowBytes: number, height: number): Buffer {
  const pixels = Buffer.alloc(rowBytes * height);
  for (let y = 0; y < height; y += 1) {
    const [start, filter] = [y * rowBytes, rows[y * (rowBytes + 1)]];
    for (let x = 0; x < rowBytes; x += 1) {
      const left = x < 3 ? 0 : (pixels[start + x - 3] as number);
      const up = y === 0 ? 0 : (pixels[start + x - rowBytes] as number);
      const corner = x < 3 || y === 0 ? 0 : (pixels[start + x - rowBytes - 3] as number);
      const predicted = [0, left, up, (left + up) >> 1, paeth(left, up, corner)][filter as number] as number;
      pixels[start + x] = (rows[y * (rowBytes + 1) + 1 + x] as number) + predicted;
    }
  }
  return pixels;
}

function paeth(left: number, up: number, corner: number): number {
  const [byLeft, byUp, byCorner] = [Math.abs(up - corner), Math.abs(left - corner), Math.abs(left + up - 2 * corner)];
  if (byLeft <= byUp && byLeft <= byCorner) return left;
  return byUp <= byCorner ? up : corner;
}
