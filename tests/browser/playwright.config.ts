import { defineConfig } from "@playwright/test";
import { CHROMIUM } from "./preconditions.ts";

/**
 * Every file of scenarios plays on a stage of its own: PostgreSQL, broker, central, agent, machines. Two at one time.
 * `pictures` makes those of the README and is no test.
 */
export default defineConfig({
  globalSetup: "./preconditions.ts",
  projects: [
    { name: "scenarios", testDir: "scenarios" },
    { name: "pictures", testDir: "pictures", timeout: 600_000 },
  ],
  outputDir: "../../target/browser/results",
  fullyParallel: false,
  workers: 2,
  retries: 0,
  timeout: 180_000,
  expect: { timeout: 20_000 },
  reporter: [["list"], ["./screens-folder.ts"]],
  use: {
    locale: "en-GB",
    timezoneId: "Europe/Vienna",
    actionTimeout: 20_000,
    trace: "retain-on-failure",
    launchOptions: {
      executablePath: CHROMIUM,
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    },
  },
});
