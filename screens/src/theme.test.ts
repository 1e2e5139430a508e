/// <reference types="node" />
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

const css = readFileSync(new URL("./theme.css", import.meta.url), "utf8");

const channel = (value: number) => (value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);

function luminance(hex: string): number {
  const digits = hex.length === 4 ? Array.from(hex.slice(1), (digit) => digit + digit).join("") : hex.slice(1);
  const [red = 0, green = 0, blue = 0] = [0, 2, 4].map((at) =>
    channel(Number.parseInt(digits.slice(at, at + 2), 16) / 255),
  );
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

function contrast(one: string, other: string): number {
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

/** The value of a colour in one theme, through whatever other colour it is named by. */
function colour(name: string, theme: "light" | "dark", source = css): string {
  const value = new RegExp(`--color-${name}: ([^;]+);`).exec(source)?.[1] ?? "";
  const other = /^var\(--color-([\w-]+)\)$/.exec(value)?.[1];
  if (other) return colour(other, theme);
  const pair = /^light-dark\((#\w+), (#\w+)\)$/.exec(value);
  return (theme === "light" ? pair?.[1] : pair?.[2]) ?? value;
}

const STATES = ["running", "idle", "stopped", "setup", "maintenance", "break", "off", "no-data", "never"];
const TEXTS = [
  "ink",
  "ink-soft",
  "accent",
  "alarm",
  "warning",
  "attended",
  "unknown",
  "done",
  ...STATES.map((s) => `state-${s}`),
];
const FILLED = [
  ["on-accent", "accent"],
  ["on-alarm", "alarm-fill"],
  ["on-warning", "warning-fill"],
  ["alarm", "alarm-soft"],
  ["warning", "warning-soft"],
  ["attended", "attended-soft"],
  ["unknown", "unknown-soft"],
  ["ink", "alarm-soft"],
  ["ink-soft", "alarm-soft"],
  ["ink-soft", "warning-soft"],
  ["ink-soft", "unknown-soft"],
  ["ink-soft", "attended-soft"],
  ["ink", "trough"],
  ["ink-soft", "trough"],
] as const;

describe.each(["light", "dark"] as const)("in the %s theme", (theme) => {
  it.each(TEXTS)("%s can be read on every ground", (text) => {
    for (const ground of ["canvas", "surface", "raised"]) {
      expect.soft(contrast(colour(text, theme), colour(ground, theme)), ground).toBeGreaterThanOrEqual(4.5);
    }
  });

  it.each(FILLED)("%s can be read on %s", (text, ground) => {
    expect(contrast(colour(text, theme), colour(ground, theme))).toBeGreaterThanOrEqual(4.5);
  });

  it.each(["canvas", "surface", "raised"])("the edge of a control is seen on %s", (ground) => {
    expect(contrast(colour("edge", theme), colour(ground, theme))).toBeGreaterThanOrEqual(3);
  });

  it("the lamps' green can be read too", () => {
    const lamps = css.slice(css.indexOf('data-palette="lamps"]'));
    for (const ground of ["canvas", "surface", "raised"]) {
      expect(contrast(colour("state-running", theme, lamps), colour(ground, theme))).toBeGreaterThanOrEqual(4.5);
    }
  });
});
