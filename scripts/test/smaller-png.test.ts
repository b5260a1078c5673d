import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { REPOSITORY } from "../house/repository.ts";
import { smallerPng } from "../smaller-png.ts";

/** 2 by 2 pixels: red, green / blue, red; the second row is filtered by the row above. */
const FOUR = Buffer.from(
  "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFklEQVR4nGP4z8DA8J+BiZHh/39GBgAdBwQB+PrPBgAAAABJRU5ErkJggg==",
  "base64",
);

test("a picture with few colours keeps every pixel, and what is no picture of a page is refused", () => {
  const small = smallerPng(FOUR);
  assert.equal(small.readUInt32BE(16), 2);
  assert.equal(small.readUInt32BE(20), 2);
  assert.equal(small[25], 3);
  assert.throws(() => smallerPng(small), /no PNG of RGB/);
});

test("the pictures of the documents are small, and each is shown", () => {
  const pages = ["README.md", "docs/dashboard.md"].map((page) => readFileSync(join(REPOSITORY, page), "utf8")).join();
  const names = [...pages.matchAll(/images\/([\w-]+\.png)/g)].map(([, name]) => name as string);
  assert.ok(names.length > 0);
  for (const name of names) {
    const { length } = readFileSync(join(REPOSITORY, "docs/images", name));
    assert.ok(length <= 300 * 1024, `${name}: ${length} bytes`);
  }
});
