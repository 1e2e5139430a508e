/** What the tests need and do not make themselves: a browser, and the built programs with their pages inside. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

export const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
export const PROGRAMS = resolve(ROOT, process.env.CARGO_TARGET_DIR ?? "target", process.env.PROFILE ?? "debug");
export const SCREENS = resolve(ROOT, "target/browser/screens");

/** Says what is missing before anything starts. */
export default function checkPreconditions(): void {
  if (!existsSync(CHROMIUM)) {
    throw new Error(`There is no Chromium at ${CHROMIUM}: install it, or say where it is in CHROMIUM.`);
  }
  const missing = ["stage", "central", "edge-agent"].filter((name) => !existsSync(resolve(PROGRAMS, name)));
  if (missing.length > 0) {
    throw new Error(
      `Not built in ${PROGRAMS}: ${missing.join(", ")}. Run \`make pages && cargo build --workspace --bins\` first.`,
    );
  }
}
