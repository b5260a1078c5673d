/** The contrast of every colour of text and of every control with every ground that it stands on, in both themes (WCAG 2.2, AA). */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";

const DASHBOARD = join(import.meta.dirname, "../..");
const css = readFileSync(join(DASHBOARD, "src/theme/tokens.css"), "utf8");
const design = readFileSync(join(DASHBOARD, "DESIGN.md"), "utf8");

const TEXTS = ["text", "text-2", "text-3", "accent", "up", "down", "warn"] as const;
const GROUNDS = [
  "ground",
  "surface",
  "raised",
  "sunken",
  "hover",
  "selected",
  "up-tint",
  "down-tint",
  "warn-tint",
] as const;
/** Shapes that carry meaning without text: edges of controls, focus, marks. */
const SHAPES = ["control-line", "focus", "up-fill", "down-fill", "warn-fill", "accent-fill"] as const;

function coloursOf(theme: string): ReadonlyMap<string, string> {
  const block = css.split(`[data-theme="${theme}"] {`)[1]?.split("}")[0] ?? "";
  return new Map(
    [...block.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, name, value]) => [name as string, value as string]),
  );
}

function luminance(hex: string): number {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [high, low] = [luminance(one), luminance(other)].sort((a, b) => b - a) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

/** The lowest contrast of a colour with the grounds, cut and not rounded. */
function lowest(theme: string, name: string, grounds: readonly string[]): number {
  const colours = coloursOf(theme);
  const found = grounds.map((ground) => contrast(colours.get(name) as string, colours.get(ground) as string));
  return Math.floor(Math.min(...found) * 100) / 100;
}

for (const theme of ["light", "dark"]) {
  describe(theme, () => {
    test("text has a contrast of 4.5 at least on every ground", () => {
      for (const text of TEXTS)
        assert.ok(lowest(theme, text, GROUNDS) >= 4.5, `${text}: ${lowest(theme, text, GROUNDS)}`);
      assert.ok(lowest(theme, "on-accent", ["accent-fill"]) >= 4.5);
    });

    test("controls and marks have a contrast of 3 at least", () => {
      for (const shape of SHAPES) {
        const found = lowest(theme, shape, ["surface", "ground"]);
        assert.ok(found >= 3, `${shape}: ${found}`);
      }
    });
  });
}

test("DESIGN.md has the colours and the contrast of today", () => {
  for (const name of [...TEXTS, ...SHAPES]) {
    const grounds = (TEXTS as readonly string[]).includes(name) ? GROUNDS : ["surface", "ground"];
    const cells = ["light", "dark"].map(
      (theme) => `\`${coloursOf(theme).get(name)}\` ${lowest(theme, name, grounds).toFixed(2)}`,
    );
    assert.ok(design.includes(`| \`--${name}\` | ${cells.join(" | ")} |`), `| \`--${name}\` | ${cells.join(" | ")} |`);
  }
});
