import { expect, type Page } from "@playwright/test";
import { enter } from "../stage/entries.ts";
import { lookAt } from "../stage/look.ts";
import { OPERATORS } from "../stage/plant.ts";
import { test } from "../stage/scenario.ts";

test.use({ scene: "station-pages" });

const dialog = (page: Page) => page.getByRole("dialog");

async function lookInto(page: Page, opens: string | RegExp, name: string): Promise<void> {
  await page.getByRole("button", { name: opens }).click();
  await expect(dialog(page)).toBeVisible();
  await lookAt(page, name);
}

/** Everything that is tapped is hit with gloves: 48 px in both directions. */
async function expectToBeHitWithGloves(page: Page): Promise<void> {
  const small = await page.evaluate(() => {
    const tapped = Array.from(document.querySelectorAll("button, a[href], input, textarea"));
    const shown = tapped.filter((one) => !one.closest("[inert]") && one.checkVisibility());
    return shown
      .map((one) => ({ html: one.outerHTML.slice(0, 200), box: one.getBoundingClientRect() }))
      .filter(({ box }) => box.height < 47.5 || box.width < 47.5)
      .map(({ html, box }) => `${Math.round(box.width)} x ${Math.round(box.height)}: ${html}`);
  });
  expect(small).toEqual([]);
}

async function close(page: Page): Promise<void> {
  await dialog(page).getByRole("button", { name: "Close" }).click();
  await expect(dialog(page)).toBeHidden();
}

test("the station before anybody is there: nothing is wrong in any size and theme", async ({ plant: _, visit }) => {
  const page = await visit.station();
  await expect(page.getByRole("heading", { name: "Choose a machine" })).toBeVisible();
  await lookAt(page, "station-machines");
  await page.getByRole("link", { name: /^Welding cell 1/ }).click();
  await expect(page.getByRole("heading", { name: "No job" })).toBeVisible();
  await lookAt(page, "station-nobody");
  await lookInto(page, "Log on", "station-log-on");
});

test("the station at work: nothing is wrong in any size and theme", async ({ plantAtWork: _, visit }) => {
  const page = await visit.station("press-1");
  await expect(page.getByRole("region", { name: "Job" })).toContainText("WO-1001");
  await lookAt(page, "station-running");
  await lookInto(page, "Report pieces", "station-pieces");
  await close(page);
  await lookInto(page, "Switch job", "station-switch-job");
  await close(page);
  await lookInto(page, "Finish job", "station-finish-job");
  await close(page);
  await lookInto(page, "Shift note", "station-shift-note");
  await close(page);
  await lookInto(page, /^Entries/, "station-entries");
  await close(page);
  await lookInto(page, "Connected", "station-connection");
  await close(page);
});

test("the station of a machine that stands: nothing is wrong in any size and theme", async ({
  stage,
  plant: _,
  visit,
}) => {
  await stage.machine("packer-1", { state: "stopped" });
  await enter(stage, "log-on", { badge: OPERATORS.ben.badge });
  const page = await visit.station("packer-1");
  await expect(page.getByRole("heading", { name: "Why is it stopped?" })).toBeVisible();
  await lookAt(page, "station-stopped");
  await lookInto(page, /^Stops/, "station-stops");
  await dialog(page)
    .getByRole("button", { name: /^No reason/ })
    .click();
  for (const part of ["Reason", "Note", "Split"]) {
    await dialog(page).getByRole("button", { name: part, exact: true }).click();
    await lookAt(page, `station-stop-${part.toLowerCase()}`);
  }
});

test("the station without the network: nothing is wrong in any size and theme", async ({ stage, plant: _, visit }) => {
  const page = await visit.station("press-3");
  await stage.direct({ do: "cut_network" });
  await expect(page.getByRole("button", { name: /^Offline since/ })).toBeVisible();
  await lookAt(page, "station-offline");
  await stage.direct({ do: "mend_network" });
  await expect(page.getByRole("button", { name: "Connected" })).toBeVisible();
});

test("the station in German, and with gloves: nothing is wrong in any size and theme", async ({
  stage,
  plantAtWork: _,
  visit,
}) => {
  const page = await visit.station("press-1");
  await page.getByRole("button", { name: "Deutsch" }).click();
  await expect(page.getByRole("button", { name: "Stück melden" })).toBeVisible();
  await page
    .getByRole("list", { name: "Bediener" })
    .getByRole("button", { name: /Anna Berger/ })
    .first()
    .click();
  await lookAt(page, "station-german");
  await expectToBeHitWithGloves(page);
  for (const [opens, name] of [
    ["Stück melden", "pieces"],
    ["Auftrag wechseln", "switch-job"],
    ["Auftrag beenden", "finish-job"],
    ["Schichtnotiz", "shift-note"],
    [/^Eingaben/, "entries"],
    ["Verbunden", "connection"],
    ["Anmelden", "log-on"],
  ] as const) {
    await lookInto(page, opens, `station-german-${name}`);
    await expectToBeHitWithGloves(page);
    if (name === "entries") await expect(dialog(page)).not.toContainText(/logged on|started|scrap|Scanned/);
    await dialog(page).getByRole("button", { name: "Schließen" }).click();
    await expect(dialog(page)).toBeHidden();
  }
  await stage.machine("welder-2", { state: "stopped" });
  await page.getByRole("link", { name: "Alle Maschinen" }).click();
  await lookAt(page, "station-german-machines");
  await expectToBeHitWithGloves(page);
  await page.getByRole("link", { name: /^Welding cell 2/ }).click();
  await expect(page.getByRole("heading", { name: "Warum steht sie?" })).toBeVisible();
  await lookAt(page, "station-german-stopped");
  await expectToBeHitWithGloves(page);
  await lookInto(page, /^Stillstände/, "station-german-stops");
  await dialog(page)
    .getByRole("button", { name: /^Kein Grund/ })
    .click();
  await dialog(page).getByRole("button", { name: "Teilen", exact: true }).click();
  await expect(dialog(page)).toContainText("Dieser Stillstand dauert noch an.");
  await lookAt(page, "station-german-split");
  await expectToBeHitWithGloves(page);
});
