import { readdirSync } from "node:fs";
import type { Reporter } from "@playwright/test/reporter";
import { SCREENS } from "./preconditions.ts";

/** Says at the end where the pictures of the pages are. */
export default class ScreensFolder implements Reporter {
  onEnd(): void {
    try {
      const pictures = readdirSync(SCREENS).filter((name) => name.endsWith(".png"));
      console.log(`  ${pictures.length} screenshots in ${SCREENS}`);
    } catch {
      // A run of a single scenario may have made none.
    }
  }

  printsToStdio(): boolean {
    return false;
  }
}
