/**
 * What a scenario has at hand. A stage is set for each file and struck at its end; pages are opened by `visit`, which
 * watches them: whatever a browser complains of fails the scenario, unless the scenario said that it provokes it.
 */
import {
  type Browser,
  type BrowserContext,
  test as base,
  type ConsoleMessage,
  expect,
  type Page,
} from "@playwright/test";
import { People, type Session } from "./people.ts";
import { Plant } from "./plant.ts";
import { Stage } from "./stage.ts";

export const SIZES = {
  desktop: { width: 1440, height: 900 },
  phone: { width: 390, height: 844 },
  wall: { width: 1920, height: 1080 },
  largeWall: { width: 3840, height: 2160 },
} as const;

interface Look {
  size?: { width: number; height: number };
  theme?: "light" | "dark";
}

/** Opens pages in browsers of their own, as on computers of their own. */
export class Visit {
  private readonly contexts: BrowserContext[] = [];
  private readonly complaints: string[] = [];
  private readonly provoked: RegExp[] = [];

  constructor(
    private readonly browser: Browser,
    private readonly stage: Stage,
    private readonly people: People,
  ) {}

  /** A page of central's, where somebody is logged in. */
  async dashboard(path = "/", look: Look = {}): Promise<Page> {
    return await this.open(this.stage.addresses.central + path, look, await this.people.session());
  }

  /** A page of central's, where nobody is. */
  async stranger(path = "/", look: Look = {}): Promise<Page> {
    return await this.open(this.stage.addresses.central + path, look);
  }

  async station(machine?: string, look: Look = {}): Promise<Page> {
    return await this.open(`${this.stage.addresses.station}/${machine ? `#${machine}` : ""}`, look);
  }

  private async open(address: string, { size, theme }: Look, storageState?: Session): Promise<Page> {
    const context = await this.browser.newContext({
      viewport: size ?? SIZES.desktop,
      colorScheme: theme ?? "light",
      ...(storageState && { storageState }),
    });
    this.contexts.push(context);
    context.on("console", (message) => this.hear(message));
    context.on("weberror", (error) => this.complaints.push(`uncaught: ${error.error().stack ?? error.error()}`));
    context.on("dialog", (dialog) => {
      this.complaints.push(`a dialog opened: ${dialog.message()}`);
      void dialog.dismiss();
    });
    const page = await context.newPage();
    await page.goto(address);
    return page;
  }

  /** The scenario provokes this: Chromium writes each refused or failed request to the console. */
  provokes(complaint: RegExp): void {
    this.provoked.push(complaint);
  }

  private hear(message: ConsoleMessage): void {
    if (message.type() !== "error" && message.type() !== "warning") return;
    this.complaints.push(`${message.text()} (${message.location().url})`);
  }

  /** Closes the pages and says what they complained of. */
  async end(): Promise<string[]> {
    await Promise.all(this.contexts.map((context) => context.close()));
    return this.complaints.filter((complaint) => !this.provoked.some((provoked) => provoked.test(complaint)));
  }
}

interface OfScenario {
  visit: Visit;
  /** What the programs logged, kept with a scenario that failed. */
  logs: undefined;
}

interface OfFile {
  /** Says whose stage it is; every file has its own, because every file says another one. */
  scene: string;
  stage: Stage;
  /** Machines in lines, orders, reasons, operators: known at central and at the station. */
  plant: Plant;
  people: People;
}

export const test = base.extend<OfScenario, OfFile>({
  scene: ["", { scope: "worker", option: true }],

  stage: [
    async ({ scene: _ }, use) => {
      const stage = await Stage.set();
      await use(stage);
      await stage.strike();
    },
    { scope: "worker", timeout: 150_000 },
  ],

  plant: [async ({ stage }, use) => use(await Plant.furnish(stage)), { scope: "worker", timeout: 60_000 }],

  people: [async ({ browser, stage }, use) => use(new People(browser, stage)), { scope: "worker" }],

  visit: async ({ browser, stage, people }, use, testInfo) => {
    const visit = new Visit(browser, stage, people);
    await use(visit);
    const complaints = await visit.end();
    if (testInfo.status === testInfo.expectedStatus) expect(complaints, "the browser's console").toEqual([]);
    else if (complaints.length > 0) await testInfo.attach("console", { body: complaints.join("\n") });
  },

  logs: [
    async ({ stage }, use, testInfo) => {
      await use(undefined);
      if (testInfo.status !== testInfo.expectedStatus) await testInfo.attach("logs", { body: await stage.logs() });
    },
    { auto: true },
  ],
});
