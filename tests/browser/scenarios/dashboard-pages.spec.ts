import { expect, type Page } from "@playwright/test";
import { lookAt } from "../stage/look.ts";
import type { MachineName } from "../stage/plant.ts";
import { SIZES, test } from "../stage/scenario.ts";

test.use({ scene: "dashboard-pages" });

test("the first administrator is made on the page, with the code of central's log", async ({ stage, visit }) => {
  const page = await visit.stranger();
  await expect(page.getByRole("heading", { name: "First administrator" })).toBeVisible();
  await lookAt(page, "setup");
  const { code } = JSON.parse(await stage.central("user", "setup-code", "--json")) as { code: string };
  await page.getByLabel("Setup code").fill(code);
  await page.getByLabel("Name").fill("first");
  await page.getByLabel("Password", { exact: true }).fill("a sentence is good");
  await page.getByLabel("Password, again").fill("a sentence is good");
  await page.getByRole("button", { name: "Create and log in" }).click();
  await expect(page.getByRole("heading", { level: 1, name: "Plant now" })).toBeVisible();
});

test("the log-in page looks right, and says what was wrong", async ({ people, visit }) => {
  visit.provokes(/status of 401/);
  await people.session();
  const page = await visit.stranger();
  await page.getByLabel("Name").fill("ada");
  await page.getByLabel("Password").fill("what she had before");
  await page.getByRole("button", { name: "Log in" }).click();
  await expect(page.getByRole("alert")).toBeVisible();
  await lookAt(page, "login");
});

interface Walked {
  name: string;
  path: (id: (machine: MachineName) => number) => string;
  heading: string | RegExp;
}

const slug = (words: string): string => words.toLowerCase().replaceAll(" ", "-");

const PAGES: Walked[] = [
  { name: "plant-now", path: () => "/", heading: "Plant now" },
  { name: "plant-now-needs-attention", path: () => "/?abnormal=true", heading: "Plant now" },
  { name: "kiosk", path: () => "/kiosk", heading: "Plant now" },
  { name: "stops", path: () => "/stops", heading: "Stops" },
  ...["stops", "counts", "jobs", "scans", "shift-log", "events"].map(
    (show): Walked => ({
      name: `machine-${show}`,
      path: (id) => `/machines/${id("press-1")}?show=${show}`,
      heading: /Press 1/,
    }),
  ),
  { name: "agents", path: () => "/agents", heading: "Agents" },
  { name: "agents-invite", path: () => "/agents/invite", heading: "Invite an agent" },
  ...["Incidents", "Queues", "Dead letters", "Deliveries", "Alerts"].map(
    (heading): Walked => ({ name: `work-${slug(heading)}`, path: () => `/work?show=${slug(heading)}`, heading }),
  ),
  ...["Machines", "Lines", "Products", "Work orders", "Reasons", "Operators", "Shifts", "Plants"].map(
    (heading): Walked => ({ name: `records-${slug(heading)}`, path: () => `/records/${slug(heading)}`, heading }),
  ),
  { name: "users", path: () => "/users", heading: "Users" },
  { name: "users-tokens", path: () => "/users?show=tokens", heading: "API tokens" },
  { name: "users-audit", path: () => "/users?show=audit", heading: "Audit log" },
  { name: "machine-unknown", path: () => "/machines/999999", heading: "Machine" },
  { name: "no-such-page", path: () => "/nowhere", heading: "There is no such page" },
];

for (const { name, path, heading } of PAGES) {
  test(`${name}: nothing is wrong in any size and theme`, async ({ plantAtWork: plant, visit }) => {
    if (name === "machine-unknown") visit.provokes(/status of 404/);
    const page = await visit.dashboard(path((machine) => plant.id(machine)));
    await expect(page.getByRole("heading", { level: 1, name: heading })).toBeVisible();
    await lookAt(page, name);
  });
}

test("an agent: nothing is wrong in any size and theme", async ({ plantAtWork: _, visit }) => {
  const page = await visit.dashboard("/agents");
  await page.getByRole("link", { name: "hall-1" }).first().click();
  await expect(page.getByRole("heading", { level: 1, name: "hall-1" })).toBeVisible();
  await lookAt(page, "agent");
});

test("what opens over the pages: nothing is wrong with it either", async ({ plantAtWork: _, visit }) => {
  const page = await visit.dashboard("/stops");
  await page.getByRole("button", { name: /^Explain the stop of press-2/ }).click();
  await expect(page.getByRole("radio", { name: /^Material jam/ })).toBeVisible();
  await lookAt(page, "explain-stop");
  for (const view of ["Note", "Split", "History"]) {
    await page.getByRole("dialog").getByRole("button", { name: view, exact: true }).click();
    await lookAt(page, `explain-stop-${view.toLowerCase()}`);
  }
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toBeHidden();
  await page.keyboard.press("?");
  await expect(page.getByRole("dialog")).toBeVisible();
  await lookAt(page, "signs-and-keys");
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Menu of Ada Auer" }).click();
  await expect(page.getByRole("button", { name: "Log out" })).toBeVisible();
  await lookAt(page, "user-menu");
});

/** By keyboard alone: every page of the navigation has its two keys. */
test("the pages are reached by the keyboard", async ({ plant: _, visit }) => {
  const page = await visit.dashboard();
  await expect(heading(page)).toHaveText("Plant now");
  await page.keyboard.press("g");
  await page.keyboard.press("s");
  await expect(heading(page)).toHaveText("Stops");
  await page.keyboard.press("g");
  await page.keyboard.press("p");
  await expect(heading(page)).toHaveText("Plant now");
  await page.setViewportSize(SIZES.phone);
  await expect(page.getByRole("navigation", { name: "Pages" })).toHaveCount(1);
});

const heading = (page: Page) => page.getByRole("heading", { level: 1 });
