/** What every page must be, in every size and theme: free of what axe finds, no wider than its window, and pictured. */
import { AxeBuilder } from "@axe-core/playwright";
import { expect, type Page } from "@playwright/test";
import { SCREENS } from "../preconditions.ts";
import { SIZES } from "./scenario.ts";

/** Nothing is on its way any more, nothing moves. */
export async function settled(page: Page): Promise<void> {
  await expect(page.getByRole("status", { name: "Loading" })).toHaveCount(0);
  await page.waitForFunction(
    () =>
      document.fonts.status === "loaded" && document.getAnimations().every(({ playState }) => playState !== "running"),
  );
}

export async function expectNothingWrong(page: Page, what: string): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const found = violations.map(
    ({ id, help, nodes }) =>
      `${id}: ${help}\n  ${nodes.map((node) => `${node.html} ${node.failureSummary}`).join("\n  ")}`,
  );
  expect(found, `axe on ${what}`).toEqual([]);
}

export async function expectNoSidewaysScroll(page: Page, what: string): Promise<void> {
  const { content, window } = await page.evaluate(() => ({
    content: document.documentElement.scrollWidth,
    window: document.documentElement.clientWidth,
  }));
  expect(content, `${what} is wider than its window`).toBeLessThanOrEqual(window);
}

/** On a desk in light and dark, and in the hand. */
export async function lookAt(page: Page, name: string): Promise<void> {
  for (const [size, theme] of [
    ["desktop", "light"],
    ["desktop", "dark"],
    ["phone", "dark"],
    ["phone", "light"],
  ] as const) {
    await lookOnce(page, name, { size, theme, axe: size !== "phone" || theme !== "dark", whole: false });
  }
  await page.setViewportSize(SIZES.desktop);
}

/** The same in three pictures, of what is made of parts that are looked at elsewhere. `whole`: all of a long page. */
export async function glanceAt(page: Page, name: string, { whole = false } = {}): Promise<void> {
  await lookOnce(page, name, { size: "desktop", theme: "dark", axe: false, whole });
  await lookOnce(page, name, { size: "phone", theme: "dark", axe: true, whole });
  await lookOnce(page, name, { size: "desktop", theme: "light", axe: true, whole });
  await page.setViewportSize(SIZES.desktop);
}

interface Look {
  size: "desktop" | "phone";
  theme: "light" | "dark";
  axe: boolean;
  whole: boolean;
}

async function lookOnce(page: Page, name: string, { size, theme, axe, whole }: Look): Promise<void> {
  const what = `${name}-${size}-${theme}`;
  await page.emulateMedia({ colorScheme: theme });
  await page.setViewportSize(SIZES[size]);
  await settled(page);
  await expectNoSidewaysScroll(page, what);
  if (axe) await expectNothingWrong(page, what);
  await page.screenshot({ path: `${SCREENS}/${what}.png`, fullPage: whole });
}
