import { expect, type Page } from "@playwright/test";
import { enter } from "../stage/entries.ts";
import { type MachineName, PLANT } from "../stage/plant.ts";
import { scan } from "../stage/scanner.ts";
import { test } from "../stage/scenario.ts";

test.use({ scene: "hostile-text" });

const HTML = `<img src onerror=alert(1)>`;
const SCRIPT = `<script>alert("2")</script>`;
const SQL = `'; DROP TABLE scans; --`;
/** As a page writes what would turn the text around it. */
const OVERRIDE = { raw: "\u202e", shown: "⟨U+202E⟩" };
const TERMINAL = { raw: "\u001b[31;5mred\u001b]0;title\u0007", shown: "␛[31;5mred␛]0;title␇" };
const LONG = "W".repeat(500);

const MACHINE: MachineName = "press-1";
const TITLE = `${HTML}${OVERRIDE.raw}sserp`;
const TITLE_SHOWN = `${HTML}${OVERRIDE.shown}sserp`;
const REASON = { code: "hostile", title: `${SCRIPT} ${SQL}` };
const PRODUCT = { code: `<b id="injected">`, title: `<b id="injected">bold</b>` };
const ORDER = { code: `WO-<svg/onload=alert(3)>`, product: PRODUCT.code, quantity: 10 };
const OPERATOR = { number: "99", name: `<b id=injected>${OVERRIDE.raw}annA`, badge: "BADGE-0099-XX", pin: "592746" };
const NOTE = `${SCRIPT}\n${TERMINAL.raw}${OVERRIDE.raw}`;

/** Nothing of it has become a part of the page, and no character that hides or turns is left in it. */
async function expectInert(page: Page): Promise<void> {
  const became = await page.evaluate(() => ({
    elements: document.querySelectorAll(`img, #injected, [onload], [onerror], script:not([src])`).length,
    unseen: Array.from(document.body.innerText).filter((it) => "\u202e\u001b\u0007".includes(it)).length,
    sideways: document.documentElement.scrollWidth > document.documentElement.clientWidth,
  }));
  expect(became).toEqual({ elements: 0, unseen: 0, sideways: false });
}

test("hostile text is inert on every page of central and of the station", async ({ stage, plant, visit }) => {
  const { api } = plant;
  await plant.setMachine(MACHINE, TITLE);
  await api.add("reasons", { ...REASON, applies_to: "downtime" });
  await api.add("products", PRODUCT);
  await api.add("work-orders", ORDER);
  await api.add("operators", OPERATOR);

  const station = await visit.station(MACHINE);
  await expect(station.getByText(TITLE_SHOWN)).toBeVisible();
  await scan(station, OPERATOR.badge);
  await expect(station.getByRole("list", { name: "Operators" })).toContainText(`<b id=injected>${OVERRIDE.shown}annA`);
  await expectInert(station);
  await stage.machine(MACHINE, { state: "stopped", total: 3 });
  await station.getByRole("button", { name: `${REASON.title}` }).click();
  await expect(station.locator("[data-feedback=stored]")).toContainText(REASON.title);
  await station.getByRole("button", { name: "Start a job" }).click();
  await expect(station.getByRole("dialog")).toContainText(ORDER.code);
  await expectInert(station);
  await station.getByRole("button", { name: ORDER.code }).click();
  await expect(station.getByRole("region", { name: "Job" })).toContainText(PRODUCT.title);
  await expectInert(station);
  await station.getByRole("button", { name: "Shift note" }).click();
  await station.getByLabel("For the next shift").fill(`${HTML} ${LONG}`);
  await station.getByRole("button", { name: "Store note" }).click();
  await scan(station, `${SCRIPT}${SQL}`);
  await expect(station.locator("[data-feedback=stored]")).toContainText(SCRIPT);
  const at = { operator: OPERATOR.number, machine: MACHINE };
  await enter(stage, "shift-note", { ...at, note: NOTE });
  for (const text of [TERMINAL.raw, LONG, `${OVERRIDE.raw}${HTML}`]) {
    await enter(stage, "scan", { ...at, raw: Buffer.from(text).toString("base64") });
  }
  await station.getByRole("button", { name: /^Entries/ }).click();
  // The station says it in a line of its own, without what would act.
  await expect(station.getByRole("dialog")).toContainText("[31;5mred");
  await expectInert(station);
  await station.goto(stage.addresses.station);
  await expect(station.getByText(TITLE_SHOWN)).toBeVisible();
  await expectInert(station);

  const central = await visit.dashboard();
  await expect(central.getByRole("heading", { name: TITLE_SHOWN })).toBeVisible();
  await expect(central.getByRole("article").filter({ hasText: TITLE_SHOWN })).toContainText(REASON.title);
  await expectInert(central);
  const shown: Record<string, string[]> = {
    stops: [REASON.title],
    jobs: [ORDER.code],
    scans: [SCRIPT, TERMINAL.shown, `${OVERRIDE.shown}${HTML}`, "all 500 characters"],
    // The station takes out of notes what would act in a terminal; of a scan everything is kept.
    "shift-log": [SCRIPT, "[31;5mred", OVERRIDE.shown, "characters"],
    events: [],
  };
  for (const [show, texts] of Object.entries(shown)) {
    await central.goto(`${stage.addresses.central}/machines/${plant.id(MACHINE)}?show=${show}`);
    await expect(central.getByRole("heading", { level: 1, name: TITLE_SHOWN })).toBeVisible();
    for (const text of texts) await expect(central.getByText(text).first(), show).toBeVisible();
    await expect(central.getByRole("status", { name: "Loading" })).toHaveCount(0);
    await expectInert(central);
  }
  for (const path of ["/stops?all=true", "/kiosk"]) {
    await central.goto(stage.addresses.central + path);
    await expect(central.getByText(TITLE_SHOWN).first()).toBeVisible();
    await expectInert(central);
  }
  const [{ kept } = { kept: 0 }] = await stage.rows<{ kept: number }>("SELECT count(*) AS kept FROM scans");
  expect(kept, "every scan is kept as it was").toBe(4);
});

test("what would act in a terminal is refused where people name things", async ({ plant: { api } }) => {
  for (const title of [TERMINAL.raw, "two\nlines", "nothing\u0000"]) {
    const response = await api.send("POST", "/reasons", {
      plant: PLANT,
      code: "terminal",
      title,
      applies_to: "downtime",
    });
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(response.status).toBeLessThan(500);
    expect(response.headers.get("content-type")).toContain("application/problem+json");
  }
});
