import { expect, type Page } from "@playwright/test";
import { enter } from "../stage/entries.ts";
import { OPERATORS, ORDERS, PRODUCTS, TITLES } from "../stage/plant.ts";
import { test } from "../stage/scenario.ts";

/** A scanner that the agent reads by itself, such as one on a serial port: what the open pages say of its codes. */

test.use({ scene: "station-scanners" });

const { anna, ben } = OPERATORS;
const feedback = (page: Page) => page.locator("[data-feedback]");
const job = (page: Page) => page.getByRole("region", { name: "Job" });
const dialog = (page: Page) => page.getByRole("dialog");
const operator = (page: Page, name: string) =>
  page.getByRole("list", { name: "Operators" }).getByRole("button", { name, exact: true });

/** Sounds are made of oscillators: counted, because nothing here can hear. */
const listenIn = (page: Page) =>
  page.addInitScript(() => {
    const made: string[] = [];
    Object.assign(window, { tones: made });
    const Real = window.OscillatorNode;
    window.OscillatorNode = class extends Real {
      constructor(context: BaseAudioContext, options?: OscillatorOptions) {
        super(context, options);
        made.push(options?.type ?? "");
      }
    };
  });
const tones = (page: Page) => page.evaluate(() => (window as unknown as { tones: string[] }).tones);

test("its codes do what they would do on the only page that is open, which says and sounds it", async ({
  stage,
  plant,
  visit,
}) => {
  const page = await visit.station("press-1");
  await listenIn(page);
  await page.reload();
  await expect(page.getByRole("heading", { name: TITLES["press-1"] })).toBeVisible();
  // A browser plays nothing before somebody has touched the page.
  await page.getByRole("heading", { name: TITLES["press-1"] }).click();

  await stage.scan(ORDERS.brackets.code);
  await expect(feedback(page)).toContainText("who starts it?");
  await expect(dialog(page).getByRole("heading", { name: "Log on" })).toBeVisible();
  await stage.scan(anna.badge);
  await expect(operator(page, anna.name)).toHaveAttribute("aria-pressed", "true");
  await expect(job(page)).toContainText("Mounting bracket, zinc");
  await expect(dialog(page)).toBeHidden();
  await expect.poll(async () => (await tones(page)).length).toBeGreaterThan(0);

  await stage.scan(ORDERS.brackets.code);
  await expect(feedback(page)).toHaveAttribute("data-feedback", "already");
  await stage.scan(anna.badge);
  await expect(feedback(page)).toContainText(`${anna.name} is logged on already`);
  await stage.scan("]C10109521234543214");
  await expect(feedback(page)).toHaveAttribute("data-feedback", "rejected");
  await expect(feedback(page)).toContainText("its check digit is wrong");
  await expect.poll(async () => (await tones(page)).filter((shape) => shape === "square")).toHaveLength(2);
  await stage.scan("4006381333931");
  await expect(feedback(page)).toHaveAttribute("data-feedback", "stored");
  await expect(feedback(page)).toContainText("4006381333931");

  // An order that names its machine is begun there, whatever the page shows.
  await plant.api.add("work-orders", {
    code: "WO-2001",
    product: PRODUCTS.hinge.code,
    machine: "press-2",
    quantity: 5,
  });
  await page.getByRole("link", { name: "All machines" }).click();
  await expect(page.getByRole("heading", { name: "Choose a machine" })).toBeVisible();
  await expect(async () => {
    await stage.scan("WO-2001");
    await expect(feedback(page)).toContainText(`WO-2001 started at ${TITLES["press-2"]}`, { timeout: 2_000 });
  }).toPass();

  const scans = await stage.rows<{ text: string }>("SELECT DISTINCT text FROM scans ORDER BY text");
  await expect
    .poll(async () => (await stage.rows("SELECT 1 AS one FROM scans WHERE text = '4006381333931'")).length)
    .toBe(1);
  expect(scans.map(({ text }) => text)).not.toContain(anna.badge);
});

test("two pages ask who it is, one answer is enough, and a badge takes nobody's page away", async ({
  stage,
  plant: _,
  visit,
}) => {
  await expect(async () => await enter(stage, "log-on", { badge: anna.badge })).toPass();
  const [first, second] = [await visit.station("press-3"), await visit.station("press-3")];
  for (const page of [first, second]) await expect(operator(page, anna.name)).toHaveAttribute("aria-pressed", "true");
  await operator(first, anna.name).click();
  await stage.scan(ben.badge);
  for (const page of [first, second]) {
    await expect(feedback(page)).toContainText(`${ben.name} is logged on`);
    await expect(operator(page, `Work as ${ben.name}`)).toHaveAttribute("aria-pressed", "false");
  }
  await expect(operator(first, anna.name)).toHaveAttribute("aria-pressed", "true");
  await stage.scan(ORDERS.frames.code);
  for (const page of [first, second]) await expect(dialog(page)).toContainText("Whose entry is it?");
  await dialog(second).getByRole("button", { name: ben.name }).click();
  await expect(job(second)).toContainText("Seat frame, welded");
  await expect(dialog(first)).toBeHidden();
  await expect(job(first)).toContainText("Seat frame, welded");
  await expect
    .poll(async () => await stage.rows("SELECT operator FROM job_log WHERE work_order = 'WO-1003'"))
    .toEqual([{ operator: ben.number }]);
});

test("a page that is opened later asks what is still open", async ({ stage, plant: _, visit }) => {
  for (const { badge } of [anna, ben]) await expect(async () => await enter(stage, "log-on", { badge })).toPass();
  await stage.scan(ORDERS.boxes.code);
  const page = await visit.station("packer-1");
  await expect(feedback(page)).toContainText(/^Stored ?At \d\d:\d\d: WO-1004: who starts it\?/);
  await dialog(page).getByRole("button", { name: ben.name }).click();
  await expect(job(page)).toContainText("Hinge set, box of 24");
  await page.reload();
  await expect(job(page)).toContainText("Hinge set, box of 24");
  await expect(dialog(page)).toBeHidden();
});
