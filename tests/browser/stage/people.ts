/** Who looks at the dashboard: made by central's command line, logged in on the page. */
import { type Browser, type BrowserContext, expect, type Page } from "@playwright/test";
import type { Stage } from "./stage.ts";

export interface Person {
  name: string;
  password: string;
}

export type Session = Awaited<ReturnType<BrowserContext["storageState"]>>;

export class People {
  private administrator: Promise<Session> | undefined;

  constructor(
    private readonly browser: Browser,
    private readonly stage: Stage,
  ) {}

  /** Who sees all plants, or only one. */
  async letIn(name: string, role: string, display_name: string, plant?: string): Promise<Person> {
    const only = plant === undefined ? [] : ["--plant", plant];
    const added = [
      "user",
      "add",
      name,
      "--role",
      role,
      "--display-name",
      display_name,
      ...only,
      "--generate",
      "--json",
    ];
    const { password } = JSON.parse(await this.stage.central(...added)) as { password: string };
    return { name, password };
  }

  /** Of an administrator, who logs in once. */
  session(): Promise<Session> {
    this.administrator ??= this.logInOnce();
    return this.administrator;
  }

  private async logInOnce(): Promise<Session> {
    const ada = await this.letIn("ada", "administrator", "Ada Auer");
    const page = await this.browser.newPage();
    await page.goto(this.stage.addresses.central);
    await logIn(page, ada);
    await expect(page.getByRole("heading", { level: 1, name: "Plant now" })).toBeVisible();
    const session = await page.context().storageState();
    await page.close();
    return session;
  }
}

export async function logIn(page: Page, { name, password }: Person): Promise<void> {
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Log in" }).click();
}
