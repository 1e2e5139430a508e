import { expect, type Page } from "@playwright/test";
import { SCREENS } from "../preconditions.ts";
import { enter } from "../stage/entries.ts";
import { OPERATORS, ORDERS, TITLES } from "../stage/plant.ts";
import { comeBack, goOutOfReach, OUT_OF_REACH } from "../stage/reach.ts";
import { scan } from "../stage/scanner.ts";
import { test } from "../stage/scenario.ts";
import type { Stage } from "../stage/stage.ts";

/** The page itself loses its network: a tablet out of reach, a pulled cable at the office. Its server runs on. */

test.use({ scene: "page-offline" });

const { anna, ben } = OPERATORS;
const GREY = "grayscale(1)";
const feedback = (page: Page) => page.locator("[data-feedback]");
const dialog = (page: Page) => page.getByRole("dialog");
const job = (page: Page) => page.getByRole("region", { name: "Job" });
const lost = (page: Page) => page.getByRole("alert").filter({ hasText: "has not answered since" });

async function leaveNote(page: Page, note: string): Promise<void> {
  await page.getByRole("button", { name: "Shift note" }).click();
  await dialog(page).getByLabel("For the next shift").fill(note);
  await dialog(page).getByRole("button", { name: "Store note" }).click();
  await expect(dialog(page)).toBeHidden();
}

async function notes(stage: Stage): Promise<string[]> {
  const found = await stage.rows<{ note: string }>("SELECT note FROM shift_log WHERE note IS NOT NULL ORDER BY seq");
  return found.map(({ note }) => note);
}

test("a station page out of reach is grey, says since when, keeps what is entered, and returns by itself", async ({
  stage,
  plant: _,
  visit,
}) => {
  visit.provokes(OUT_OF_REACH);
  await expect(async () => await enter(stage, "log-on", { badge: anna.badge })).toPass();
  const page = await visit.station("press-1");
  await expect(job(page)).toContainText("No job");
  await scan(page, ORDERS.brackets.code);
  await expect(job(page)).toContainText("0of 400");

  await goOutOfReach(page);
  await expect(lost(page)).toContainText(/has not answered since \d\d:\d\d/);
  await expect(page.getByRole("main")).toHaveCSS("filter", GREY);
  await stage.machine("press-1", { total: 40 });
  await leaveNote(page, "Written out of reach.");
  await expect(feedback(page)).toContainText("Not stored yet");
  await scan(page, ORDERS.hinges.code);
  await expect(feedback(page)).toContainText("Not stored yet");
  await expect(feedback(page)).toContainText("Scan WO-1002");
  await page.getByRole("button", { name: "Call for help" }).click();
  // A PIN is not kept for later: whoever closes the panel takes it along, and is not logged on.
  await page.getByRole("button", { name: "Log on", exact: true }).click();
  await dialog(page).getByLabel("Number").fill(ben.number);
  await dialog(page).getByLabel("PIN").fill(ben.pin);
  await dialog(page).getByRole("button", { name: "Log on" }).click();
  await dialog(page).getByRole("button", { name: "Close" }).click();
  await page.getByRole("button", { name: /^Entries/ }).click();
  await expect(dialog(page).getByText("Not stored yet")).toHaveCount(3);
  await expect(dialog(page)).not.toContainText("Log on");
  await page.screenshot({ path: `${SCREENS}/station-out-of-reach.png` });
  await dialog(page).getByRole("button", { name: "Close" }).click();
  expect(await notes(stage)).toEqual([]);

  await comeBack(page);
  await expect(lost(page)).toBeHidden();
  await expect(page.getByRole("main")).not.toHaveCSS("filter", GREY);
  await expect(job(page)).toContainText("Door hinge, left");
  await expect(page.getByRole("button", { name: /^Help called/ })).toBeVisible();
  await expect.poll(async () => await notes(stage)).toEqual(["Written out of reach."]);
  await expect(page.getByRole("list", { name: "Operators" })).not.toContainText(ben.name);
});

test("what was entered out of reach outlives the page", async ({ stage, plant: _, visit }) => {
  visit.provokes(OUT_OF_REACH);
  await expect(async () => await enter(stage, "log-on", { badge: anna.badge })).toPass();
  const page = await visit.station("press-2");
  await expect(page.getByRole("heading", { name: TITLES["press-2"] })).toBeVisible();
  const before = await notes(stage);
  await goOutOfReach(page);
  await expect(lost(page)).toBeVisible();
  await leaveNote(page, "Then the battery was empty.");
  await expect(feedback(page)).toContainText("Not stored yet");
  await page.close();
  await comeBack(page);
  const again = await page.context().newPage();
  await again.goto(`${stage.addresses.station}/#press-2`);
  await expect(feedback(again)).toContainText("Stored after all: Shift note");
  await expect.poll(async () => await notes(stage)).toEqual([...before, "Then the battery was empty."]);
});

test("a note that was begun is there again after a slip of the glove and a reload, until it is stored", async ({
  stage,
  plant: _,
  visit,
}) => {
  await expect(async () => await enter(stage, "log-on", { badge: anna.badge })).toPass();
  const page = await visit.station("press-3");
  const note = () => dialog(page).getByLabel("For the next shift");
  await page.getByRole("button", { name: "Shift note" }).click();
  await note().fill("Change the oil filter.");
  await dialog(page).getByRole("button", { name: "Close" }).click();
  await page.getByRole("button", { name: "Shift note" }).click();
  await expect(note()).toHaveValue("Change the oil filter.");
  await page.keyboard.press("Escape");
  await page.reload();
  await page.getByRole("button", { name: "Shift note" }).click();
  await expect(note()).toHaveValue("Change the oil filter.");
  await dialog(page).getByRole("button", { name: "Store note" }).click();
  await expect.poll(async () => await notes(stage)).toContain("Change the oil filter.");
  await page.getByRole("button", { name: "Shift note" }).click();
  await expect(note()).toHaveValue("");
});

test("a dashboard out of reach is grey, says since when, refuses what it cannot save, and returns by itself", async ({
  stage,
  plant: _,
  visit,
}) => {
  visit.provokes(OUT_OF_REACH);
  const page = await visit.dashboard("/stops");
  await stage.machine("welder-1", { state: "stopped" });
  await page.getByRole("button", { name: /^Explain the stop of welder-1/ }).click();
  await dialog(page)
    .getByRole("radio", { name: /^Tool broken/ })
    .check();
  await goOutOfReach(page);
  await expect(page.getByRole("banner").getByRole("status")).toHaveText("Reconnecting");
  await dialog(page).getByRole("button", { name: "Give this reason" }).click();
  await expect(dialog(page).getByRole("alert")).toContainText("Not saved: central cannot be reached");
  await expect(dialog(page).getByRole("radio", { name: /^Tool broken/ })).toBeChecked();
  await expect(page.getByText(/^Not live\. This is how it was [23]\d\ss ago\./)).toBeVisible({ timeout: 45_000 });
  await expect(page.getByRole("table").locator("xpath=ancestor::*[contains(@class, 'grayscale')]")).toHaveCount(1);
  const reasons = async () => await stage.rows("SELECT 1 AS one FROM downtime_entries WHERE reason = 'tool'");
  expect(await reasons()).toEqual([]);
  await page.screenshot({ path: `${SCREENS}/dashboard-out-of-reach.png` });

  await comeBack(page);
  await expect(page.getByRole("banner").getByRole("status")).toHaveText("Live");
  await expect(page.getByText(/^Not live/)).toBeHidden();
  expect(await reasons(), "nothing is sent unseen").toEqual([]);
  await dialog(page).getByRole("button", { name: "Give this reason" }).click();
  await expect(dialog(page)).toBeHidden();
  await expect.poll(reasons).toHaveLength(1);
});

test("what a page shows is asked for once when it is back in reach", async ({ plant: _, visit }) => {
  visit.provokes(OUT_OF_REACH);
  const page = await visit.dashboard("/records/products");
  const live = page.getByRole("banner").getByRole("status");
  await expect(live).toHaveText("Live");
  await goOutOfReach(page);
  await expect(live).toHaveText("Reconnecting");
  // Until what is shown is old.
  await page.waitForTimeout(5_000);
  let answers = 0;
  page.on("response", (response) => {
    if (new URL(response.url()).pathname === "/api/v1/products") answers += 1;
  });
  await comeBack(page);
  await expect(live).toHaveText("Live");
  await expect.poll(() => answers).toBe(1);
  // Whatever would follow from the first words of the stream has come by then.
  await page.waitForTimeout(2_000);
  expect(answers).toBe(1);
});

test("a form of the dashboard keeps what was typed while it cannot be saved", async ({ stage, plant: _, visit }) => {
  visit.provokes(OUT_OF_REACH);
  const page = await visit.dashboard("/records/products");
  await page.getByRole("button", { name: /^(Add|New) product/ }).click();
  await dialog(page).getByLabel("Code").fill("P-777");
  await goOutOfReach(page);
  await dialog(page)
    .getByRole("button", { name: /^(Save|Create)/ })
    .click();
  await expect(dialog(page).getByRole("alert")).toContainText("Not saved: central cannot be reached");
  await comeBack(page);
  await expect(page.getByRole("banner").getByRole("status")).toHaveText("Live");
  await expect(dialog(page).getByLabel("Code")).toHaveValue("P-777");
  await dialog(page)
    .getByRole("button", { name: /^(Save|Create)/ })
    .click();
  await expect(dialog(page)).toBeHidden();
  expect(await stage.rows("SELECT 1 AS one FROM products WHERE code = 'P-777'")).toHaveLength(1);
});
