import { expect, type Page } from "@playwright/test";
import { SCREENS } from "../preconditions.ts";
import { settled } from "../stage/look.ts";
import { logIn } from "../stage/people.ts";
import { type MachineName, PLANT, type Plant, TITLES } from "../stage/plant.ts";
import { SIZES, test } from "../stage/scenario.ts";

test.use({ scene: "dashboard" });

const tile = (page: Page, machine: MachineName) =>
  page.getByRole("article").filter({ has: page.getByRole("heading", { name: TITLES[machine], exact: true }) });
const plantNow = (page: Page) => page.getByRole("heading", { level: 1, name: "Plant now" });

test("a change on a machine appears on the open dashboard without a reload", async ({ stage, plant: _, visit }) => {
  const page = await visit.dashboard();
  const press = tile(page, "press-1");
  await expect(press).toContainText("Running");
  await expect(press).toContainText("0good today");
  const loaded = await page.evaluate(() => performance.timeOrigin);

  await stage.machine("press-1", { total: 25 });
  await expect(press).toContainText("25good today");
  await stage.machine("press-1", { state: "stopped" });
  // Longer than a microstop.
  await expect(press).toContainText(/Stopped[1-9]/);
  await expect(press).toContainText("1 unexplained");
  await expect(press).toContainText("No reason given yet");
  await stage.machine("press-1", { state: "running", total: 26 });
  await expect(press).toContainText("Running");
  await expect(press).toContainText("26good today");
  // It is over, and nobody has said why.
  await expect(press).toContainText("1 unexplained");
  expect(await page.evaluate(() => performance.timeOrigin), "no reload").toBe(loaded);
});

test("a stop is explained on the page of its machine", async ({ stage, plant: _, visit }) => {
  const page = await visit.dashboard();
  await stage.machine("press-2", { state: "stopped" });
  await expect(tile(page, "press-2")).toContainText("1 unexplained");
  await page.getByRole("link", { name: TITLES["press-2"], exact: true }).click();
  await expect(page.getByRole("heading", { level: 1, name: TITLES["press-2"] })).toBeVisible();
  const row = page.getByRole("table", { name: "Stops, newest first" }).getByRole("row").nth(1);
  await expect(row).toContainText("unexplained");
  await row.getByRole("button", { name: /^Explain the stop of press-2/ }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("radio", { name: /^Tool broken/ }).check();
  await dialog.getByRole("button", { name: "Give this reason" }).click();
  await expect(dialog).toBeHidden();
  await expect(row).toContainText("Tool broken");
  await expect(row).toContainText("Ada Auer");
  await page
    .getByRole("link", { name: /^Plant now/ })
    .first()
    .click();
  await expect(tile(page, "press-2")).toContainText("Tool broken");
  await expect(tile(page, "press-2")).not.toContainText("unexplained");
});

test("a stop is explained on the page of all stops, and corrected with both reasons kept", async ({
  stage,
  plant,
  visit,
}) => {
  await stage.machine("welder-1", { state: "stopped" });
  const page = await visit.dashboard();
  await tile(page, "welder-1")
    .getByRole("link", { name: /1 unexplained/ })
    .click();
  await expect(page).toHaveURL(new RegExp(`/stops\\?.*machine=${plant.id("welder-1")}`));
  await page.getByRole("button", { name: /^Explain the stop of welder-1/ }).click();
  const dialog = page.getByRole("dialog");
  // By keyboard alone: what is left of the reasons is chosen by Enter, and saved by Enter.
  await dialog.getByLabel("Find a reason").fill("material j");
  await page.keyboard.press("Enter");
  await expect(dialog.getByRole("radio", { name: /^Material jam/ })).toBeChecked();
  await page.keyboard.press("Enter");
  await expect(dialog).toBeHidden();
  await expect(page.getByText("Every stop of this time is explained.")).toBeVisible();

  await page.getByRole("button", { name: "All", exact: true }).click();
  await page.getByRole("button", { name: /^Details of the stop of welder-1/ }).click();
  await dialog.getByRole("radio", { name: /^Machine fault/ }).check();
  await dialog.getByLabel("Why is it corrected?").fill("The jam came from a loose sensor.");
  await dialog.getByRole("button", { name: "Correct the reason" }).click();
  await expect(dialog).toBeHidden();
  await page.getByRole("button", { name: /^Details of the stop of welder-1/ }).click();
  await dialog.getByText("History", { exact: true }).click();
  await expect(dialog).toContainText("Material jam");
  await expect(dialog).toContainText("Machine fault");
  await expect(dialog).toContainText("Why: The jam came from a loose sensor.");
});

test("two browsers at once see the same, whoever changes it", async ({ stage, plant: _, visit }) => {
  const [first, second] = [await visit.dashboard(), await visit.dashboard("/", { size: SIZES.phone })];
  await stage.machine("packer-1", { state: "stopped", total: 7 });
  for (const page of [first, second]) {
    await expect(tile(page, "packer-1")).toContainText("7good today");
    await expect(tile(page, "packer-1")).toContainText("1 unexplained");
  }
  await tile(first, "packer-1")
    .getByRole("link", { name: /1 unexplained/ })
    .click();
  await first.getByRole("button", { name: /^Explain the stop of packer-1/ }).click();
  await first.getByRole("radio", { name: /^No material/ }).check();
  await first.getByRole("button", { name: "Give this reason" }).click();
  await expect(tile(second, "packer-1")).toContainText("No material");
  await expect(tile(second, "packer-1")).not.toContainText("unexplained");
});

test("a killed central: the page says since when it is old, and recovers by itself", async ({
  stage,
  plant: _,
  visit,
}) => {
  visit.provokes(/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE/);
  const page = await visit.dashboard();
  const header = page.getByRole("banner");
  await expect(header.getByRole("status")).toHaveText("Live");
  await stage.direct({ do: "kill_central" });
  await expect(header.getByRole("status")).toHaveText("Reconnecting");
  await expect(page.getByText(/^Not live\. This is how it was [23]\d\ss ago\./)).toBeVisible({ timeout: 45_000 });
  // What happens meanwhile is shown as soon as central is back.
  await stage.machine("packer-2", { total: 31 });
  await stage.direct({ do: "resume_central" });
  await expect(header.getByRole("status")).toHaveText("Live", { timeout: 45_000 });
  await expect(page.getByText(/^Not live/)).toBeHidden();
  await expect(tile(page, "packer-2")).toContainText("31good today");
});

test("a tab that slept shows what happened meanwhile", async ({ stage, plant: _, visit }) => {
  const page = await visit.dashboard();
  await expect(tile(page, "press-3")).toContainText("Running");
  const tab = await page.context().newCDPSession(page);
  await tab.send("Page.setWebLifecycleState", { state: "frozen" });
  await stage.machine("press-3", { state: "setup", total: 12 });
  await expect
    .poll(async () => await stage.rows("SELECT 1 AS is FROM machine_live WHERE state = 'setup' AND good = 12"))
    .toHaveLength(1);
  await tab.send("Page.setWebLifecycleState", { state: "active" });
  await expect(tile(page, "press-3")).toContainText("Setup");
  await expect(tile(page, "press-3")).toContainText("12good today");
  await expect(page.getByRole("banner").getByRole("status")).toHaveText("Live");
});

test("a tab that nobody looks at lets its stream go, and has it back at the first look", async ({
  stage,
  plant: _,
  visit,
}) => {
  const page = await visit.dashboard();
  await expect(tile(page, "oven-1")).toContainText("Running");
  const streams = async () => {
    const metrics = await (await fetch(`${stage.addresses.central}/metrics`)).text();
    return Number(/^central_live_streams (\d+)$/m.exec(metrics)?.[1]);
  };
  const before = await streams();
  // Chromium without a window shows every tab.
  const show = async (state: "hidden" | "visible") =>
    await page.evaluate((state) => {
      Object.defineProperty(document, "visibilityState", { configurable: true, get: () => state });
      document.dispatchEvent(new Event("visibilitychange"));
    }, state);
  await show("hidden");
  await expect.poll(streams, { timeout: 60_000 }).toBe(before - 1);
  await stage.machine("oven-1", { state: "idle", total: 5 });
  await show("visible");
  await expect(tile(page, "oven-1")).toContainText("Idle");
  await expect(tile(page, "oven-1")).toContainText("5good today");
  await expect(page.getByRole("banner").getByRole("status")).toHaveText("Live");
});

for (const [name, size] of [
  ["a wall of full HD", SIZES.wall],
  ["a wall of 4K", SIZES.largeWall],
] as const) {
  test(`the kiosk shows every machine at once on ${name}`, async ({ plant: _, visit }) => {
    const page = await visit.dashboard("/kiosk", { size });
    const tiles = page.getByRole("article");
    await expect(tiles).toHaveCount(Object.keys(TITLES).length);
    for (const one of await tiles.all()) await expect(one).toBeInViewport({ ratio: 0.999 });
    const { scrolls, letters } = await page.evaluate(() => ({
      scrolls: document.documentElement.scrollHeight > innerHeight || document.documentElement.scrollWidth > innerWidth,
      letters: Number.parseFloat(getComputedStyle(document.querySelector("article h3") ?? document.body).fontSize),
    }));
    expect(scrolls).toBe(false);
    // To be read across a hall: at least a fortieth of the height.
    expect(letters).toBeGreaterThanOrEqual(size.height / 45);
    await settled(page);
    await page.screenshot({ path: `${SCREENS}/kiosk-wall-${size.height}.png` });
    await page.keyboard.press("Escape");
    await expect(plantNow(page)).toBeVisible();
  });
}

test("everything is reached on a phone", async ({ plant: _, visit }) => {
  const page = await visit.dashboard("/", { size: SIZES.phone });
  await expect(page.getByRole("article")).toHaveCount(Object.keys(TITLES).length);
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Stops" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Stops" })).toBeVisible();
  await page.goBack();
  await expect(plantNow(page)).toBeVisible();
});

test("a stop is explained with the thumb, without scrolling sideways", async ({ stage, plant: _, visit }) => {
  await stage.machine("oven-1", { state: "stopped" });
  const page = await visit.dashboard("/stops", { size: SIZES.phone });
  const explain = page.getByRole("button", { name: /^Explain the stop of oven-1/ });
  await explain.scrollIntoViewIfNeeded();
  await expect(explain).toBeInViewport({ ratio: 0.999 });
  expect((await explain.boundingBox())?.height).toBeGreaterThanOrEqual(44);
  await explain.click();
  await expect(page.getByRole("dialog")).toBeVisible();
});

test("a screen that nobody logs on to shows the plant by its token, until that is revoked", async ({
  stage,
  plant: _,
  visit,
}) => {
  visit.provokes(/status of 401/);
  const made = await stage.central("token", "add", "wall", "--scope", "read", "--json");
  const { secret } = JSON.parse(made) as { secret: string };
  const page = await visit.stranger(`/kiosk?plant=${PLANT}#token=${secret}`, { size: SIZES.wall });
  await expect(page.getByRole("article")).toHaveCount(Object.keys(TITLES).length);
  await stage.machine("press-2", { state: "setup" });
  await expect(tile(page, "press-2")).toContainText("Setup");
  await stage.central("token", "revoke", "wall");
  await expect(page.getByText("This screen's token is not taken any more")).toBeVisible({ timeout: 90_000 });
  expect(page.url()).not.toContain(secret);
});

test("a session that ended leads to the log-in and back to where one was", async ({ plant, people, visit }) => {
  visit.provokes(/status of 401/);
  const leo = await people.letIn("leo", "shift_lead", "Leo Lang");
  const page = await visit.stranger("/stops?all=true");
  await expect(page).toHaveURL(/\/login\?next=/);
  await logIn(page, leo);
  await expect(page.getByRole("heading", { level: 1, name: "Stops" })).toBeVisible();
  await expect(page).toHaveURL(/\/stops\?all=true/);

  await endSessionsOf(plant, "leo");
  await page.getByText("Today", { exact: true }).first().click();
  await expect(page.getByText("Your session has ended.")).toBeVisible();
  await logIn(page, leo);
  await expect(page.getByText("Your session has ended.")).toBeHidden();
  await expect(page.getByRole("banner").getByRole("status")).toHaveText("Live");
  await page.getByRole("button", { name: "Menu of Leo Lang" }).click();
  await page.getByRole("button", { name: "Log out" }).click();
  await expect(page.getByRole("heading", { name: "Log in" })).toBeVisible();
});

test("the log-in page asks for nothing on behalf of somebody whose session ended", async ({ plant, people, visit }) => {
  visit.provokes(/status of 401/);
  const lou = await people.letIn("lou", "operator", "Lou Lang");
  const page = await visit.stranger();
  await logIn(page, lou);
  await expect(plantNow(page)).toBeVisible();
  await endSessionsOf(plant, "lou");
  await page.reload();
  await expect(page.getByRole("heading", { name: "Log in" })).toBeVisible();
  const pause_ms = 5_000;
  const asked = page.waitForRequest(/\/api\/v1\/live/, { timeout: pause_ms });
  await expect(asked).rejects.toThrow(/Timeout/);
});

test("a session that ends in the middle of a form takes nothing along that was typed", async ({
  stage,
  plant,
  people,
  visit,
}) => {
  visit.provokes(/status of 401/);
  const lea = await people.letIn("lea", "shift_lead", "Lea Lang");
  await stage.machine("packer-2", { state: "stopped" });
  const page = await visit.stranger(`/stops?machine=${plant.id("packer-2")}`);
  await logIn(page, lea);
  await page.getByRole("button", { name: /^Explain the stop of packer-2/ }).click();
  const stop = page.getByRole("dialog", { name: TITLES["packer-2"] });
  await stop.getByRole("button", { name: "Note", exact: true }).click();
  await stop.getByLabel("Note").fill("The film tore at its weld.");
  await endSessionsOf(plant, "lea");
  await stop.getByRole("button", { name: "Leave note" }).click();
  const again = page.getByRole("dialog", { name: "Log in to go on" });
  await expect(again.getByLabel("Name")).toHaveValue("lea");
  await expect(again.getByLabel("Password")).toBeFocused();
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await expect(again, "the page behind it is nobody's").toBeVisible();
  await again.getByLabel("Password").fill(lea.password);
  await page.keyboard.press("Enter");
  await expect(again).toBeHidden();
  await expect(stop.getByLabel("Note")).toHaveValue("The film tore at its weld.");
  await stop.getByRole("button", { name: "Leave note" }).click();
  await expect(stop).toBeHidden();
  await expect(page.getByText("The film tore at its weld.")).toBeVisible();
});

test("what is written of a stop is not lost by Escape, nor when somebody else explains it", async ({
  stage,
  plant,
  visit,
}) => {
  await stage.machine("welder-2", { state: "stopped" });
  const [page, other] = [
    await visit.dashboard(`/stops?machine=${plant.id("welder-2")}`),
    await visit.dashboard("/stops"),
  ];
  const explain = /^Explain the stop of welder-2/;
  await page.getByRole("button", { name: explain }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Note", exact: true }).click();
  await dialog.getByLabel("Note").fill("The torch was worn.");
  // The browser closes what is in front on a second Escape, unless the page insists.
  await page.keyboard.press("Escape");
  await page.keyboard.press("Escape");
  await expect(dialog.getByRole("alert")).toContainText("What you changed is not saved.");
  await dialog.getByRole("button", { name: "Keep editing" }).click();

  await other.getByRole("button", { name: explain }).click();
  await other.getByRole("radio", { name: /^Tool broken/ }).check();
  await other.getByRole("button", { name: "Give this reason" }).click();
  await expect(page.getByText("Every stop of this time is explained.")).toBeVisible();
  await dialog.getByRole("button", { name: "Reason", exact: true }).click();
  await dialog.getByRole("button", { name: "Note", exact: true }).click();
  await expect(dialog.getByLabel("Note")).toHaveValue("The torch was worn.");
  await dialog.getByRole("button", { name: "Leave note" }).click();
  await expect(dialog).toBeHidden();
  await page.getByRole("button", { name: "All", exact: true }).click();
  await expect(page.getByText("The torch was worn.")).toBeVisible();
});

test("the focus is in the dialog while it is open, and after it where it was", async ({ plant: _, visit }) => {
  const page = await visit.dashboard("/records/products");
  const opener = page.getByRole("button", { name: "New product" });
  const dialog = page.getByRole("dialog");
  for (const close of ["Cancel", "Close", "Escape"]) {
    await opener.press("Enter");
    await expect(dialog.getByLabel("Code")).toBeFocused();
    if (close === "Escape") await page.keyboard.press("Escape");
    else await dialog.getByRole("button", { name: close }).press("Enter");
    await expect(dialog).toBeHidden();
    await expect(opener).toBeFocused();
  }
  await page.getByRole("button", { name: "P-100" }).press("Enter");
  await dialog.getByRole("button", { name: "Delete" }).press("Enter");
  await expect(dialog).toHaveCount(2);
  await page.keyboard.press("Escape");
  await expect(dialog, "only what is in front closes").toHaveCount(1);
  await expect(dialog.getByRole("button", { name: "Delete" })).toBeFocused();
});

test("a secret that is shown once is not lost by a slip of the finger", async ({ plant: _, visit }) => {
  const page = await visit.dashboard("/users?show=tokens");
  await page.getByRole("button", { name: "New token" }).click();
  await page.getByRole("dialog").getByLabel("Name").fill("slip");
  await page.getByRole("checkbox", { name: /^All plants/ }).check();
  await page.getByRole("button", { name: "Create token" }).click();
  const shown = page.getByRole("dialog", { name: "Token slip" });
  await expect(shown.getByLabel("Token", { exact: true })).toHaveValue(/^central_/);
  for (let slip = 0; slip < 3; slip += 1) await page.keyboard.press("Escape");
  await expect(shown.getByLabel("Token", { exact: true })).toHaveValue(/^central_/);
  await shown.getByRole("button", { name: "Copy" }).first().click();
  await expect(shown.getByRole("button", { name: "Copied" })).toBeVisible();
  await shown.getByRole("button", { name: "I have kept it" }).click();
  await expect(shown).toBeHidden();
});

async function endSessionsOf({ api }: Plant, name: string): Promise<void> {
  const { users } = await api.ask<{ users: { id: number; name: string }[] }>("GET", "/users");
  await api.ask("DELETE", `/users/${users.find((user) => user.name === name)?.id}/sessions`);
}

test("this shift is among the ranges as soon as the calendar has one", async ({ plant, visit }) => {
  const page = await visit.dashboard("/stops");
  const shift = page.getByRole("button", { name: "This shift" });
  await expect(page.getByRole("button", { name: "7 days" })).toBeVisible();
  await expect(shift).toBeHidden();
  const days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
  const pattern = [
    { name: "Early", days, starts: "00:00", ends: "12:00" },
    { name: "Late", days, starts: "12:00", ends: "00:00" },
  ];
  const since_monday_ms = ((new Date().getUTCDay() + 6) % 7) * 86_400_000;
  const first_monday = new Date(Date.now() - since_monday_ms).toISOString().slice(0, 10);
  await plant.api.ask("POST", "/shifts", { plant: PLANT, first_monday, weeks: 2, pattern });
  await shift.click();
  await expect(page).toHaveURL(/range=shift/);
  for (const path of ["/stops", `/machines/${plant.id("press-1")}`]) {
    const opened = await visit.dashboard(`${path}?range=shift`);
    await expect(opened.getByRole("button", { name: "This shift" })).toHaveAttribute("aria-pressed", "true");
  }
});
