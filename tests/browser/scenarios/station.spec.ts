import { expect, type Page } from "@playwright/test";
import { lookAt } from "../stage/look.ts";
import { OPERATORS, ORDERS, PLANT, TITLES } from "../stage/plant.ts";
import { comeBack, goOutOfReach, OUT_OF_REACH } from "../stage/reach.ts";
import { scan } from "../stage/scanner.ts";
import { test } from "../stage/scenario.ts";
import type { Stage } from "../stage/stage.ts";

test.use({ scene: "station" });

const { anna, ben } = OPERATORS;
const feedback = (page: Page) => page.locator("[data-feedback]");
const operators = (page: Page) => page.getByRole("list", { name: "Operators" });
const job = (page: Page) => page.getByRole("region", { name: "Job" });
const pieces = (page: Page) => page.getByRole("region", { name: /^(Today|This shift)/ });
const dialog = (page: Page) => page.getByRole("dialog");

/** As fingers do it: on the pad of numbers. */
async function tap(page: Page, digits: string): Promise<void> {
  for (const digit of digits) await dialog(page).getByRole("button", { name: digit, exact: true }).click();
}

async function logOn(page: Page, { number, pin, name }: { number: string; pin: string; name: string }): Promise<void> {
  await operators(page).getByRole("button", { name: "Log on" }).click();
  await dialog(page).getByLabel("Number").focus();
  await tap(page, number);
  await dialog(page).getByLabel("PIN").focus();
  await tap(page, pin);
  await dialog(page).getByRole("button", { name: "Log on" }).click();
  await expect(operators(page).getByRole("button", { name, exact: true })).toBeVisible();
}

async function reportScrap(page: Page, count: string, reason: string): Promise<void> {
  await page.getByRole("button", { name: "Report pieces" }).click();
  await dialog(page).getByLabel("Scrap").focus();
  await tap(page, count);
  await dialog(page).getByRole("button", { name: reason, exact: true }).click();
  await dialog(page)
    .getByRole("button", { name: `Store ${count} scrap` })
    .click();
  await expect(dialog(page)).toBeHidden();
}

async function leaveNote(page: Page, note: string): Promise<void> {
  await page.getByRole("button", { name: "Shift note" }).click();
  await dialog(page).getByLabel("For the next shift").fill(note);
  await dialog(page).getByRole("button", { name: "Store note" }).click();
  await expect(dialog(page)).toBeHidden();
}

async function handOver(page: Page): Promise<void> {
  await scan(page, ben.badge);
  await expect(feedback(page)).toContainText(`${ben.name} is logged on`);
  await operators(page)
    .getByRole("button", { name: `Work as ${anna.name}` })
    .click();
  await operators(page)
    .getByRole("button", { name: `Log off ${anna.name}` })
    .click();
  await expect(operators(page)).not.toContainText(anna.name);
  await expect(operators(page).getByRole("button", { name: ben.name, exact: true })).toHaveAttribute(
    "aria-pressed",
    "true",
  );
}

/** Offline, and what waits is said. */
async function cutNetwork(stage: Stage, page: Page): Promise<void> {
  await stage.direct({ do: "cut_network" });
  await expect(page.getByRole("button", { name: /^Offline since .* — entries are kept here/ })).toBeVisible();
}

/** Everything that was entered has reached central. */
async function mendNetwork(stage: Stage, page: Page): Promise<void> {
  await stage.direct({ do: "mend_network" });
  await expect(page.getByRole("button", { name: "Connected" })).toBeVisible();
  await page.getByRole("button", { name: /^Entries/ }).click();
  await expect(dialog(page).getByText("At central").first()).toBeVisible();
  await expect(dialog(page).getByText("Waiting for central")).toHaveCount(0);
  await dialog(page).getByRole("button", { name: "Close" }).click();
}

/** What central holds of a machine and its station, in the words of the tables. */
async function arrived(stage: Stage, machine: string): Promise<Record<string, string[]>> {
  const of = `machine_id = (SELECT id FROM machines WHERE name = '${machine}')`;
  const questions: Record<string, string> = {
    job_log: `SELECT action || ' ' || work_order || ' by ' || operator AS said FROM job_log WHERE ${of} AND operator IS NOT NULL ORDER BY seq`,
    piece_entries: `SELECT scrap || ' scrap ' || coalesce(reason, '') || ' by ' || operator || CASE WHEN takes_back THEN ' taken back' ELSE '' END AS said FROM piece_entries WHERE ${of} ORDER BY seq`,
    production_logs: `SELECT quality || ' ' || sum(delta) AS said FROM production_logs WHERE ${of} GROUP BY quality ORDER BY quality`,
    downtime_entries: `SELECT change || coalesce(' ' || reason || ' by ' || operator, '') AS said FROM downtime_entries WHERE ${of} ORDER BY seq`,
    shift_log: `SELECT entry || coalesce(' ' || note, '') || ' by ' || operator AS said FROM shift_log WHERE machine_id IS NULL OR ${of} ORDER BY seq`,
    scans: `SELECT text AS said FROM scans ORDER BY seq`,
  };
  const found: Record<string, string[]> = {};
  for (const [table, sql] of Object.entries(questions)) {
    found[table] = (await stage.rows<{ said: string }>(sql)).map(({ said }) => said);
  }
  return found;
}

test("a whole shift with the network cut in the middle arrives complete", async ({ stage, plant: _, visit }) => {
  const page = await visit.station("press-1");
  await expect(page.getByRole("heading", { name: TITLES["press-1"] })).toBeVisible();
  await logOn(page, anna);

  await scan(page, ORDERS.brackets.code);
  await expect(feedback(page)).toContainText("Stored");
  await expect(feedback(page)).toContainText("WO-1001 started");
  await expect(job(page)).toContainText("Mounting bracket, zinc");
  await stage.machine("press-1", { total: 40 });
  await expect(job(page)).toContainText("40of 400");
  await scan(page, ORDERS.brackets.code);
  await expect(feedback(page)).toContainText("Already done");

  await cutNetwork(stage, page);
  await stage.machine("press-1", { state: "stopped" });
  await expect(page.getByRole("heading", { name: "Why is it stopped?" })).toBeVisible();
  await page.getByRole("button", { name: "Material jam" }).click();
  await expect(feedback(page)).toContainText("Stop: Material jam");
  await expect(page.getByRole("region", { name: TITLES["press-1"] })).toContainText("Material jam");
  await stage.machine("press-1", { state: "running", total: 52 });
  await expect(page.getByRole("region", { name: TITLES["press-1"] })).toContainText("Running");

  await reportScrap(page, "3", "Burr");
  await expect(feedback(page)).toContainText("Stored");
  await expect(pieces(page)).toContainText("Scrap3Rework");
  await reportScrap(page, "50", "Crack");
  await expect(pieces(page)).toContainText("Scrap53Rework");
  await feedback(page).getByRole("button", { name: "Undo" }).click();
  await expect(pieces(page)).toContainText("Scrap3Rework");
  await leaveNote(page, "The belt of the feeder is worn.");
  await scan(page, "4006381333931");
  await expect(feedback(page)).toContainText("4006381333931");
  await handOver(page);

  await scan(page, ORDERS.hinges.code);
  await expect(feedback(page)).toContainText("Switched to WO-1002");
  await stage.machine("press-1", { total: 60 });
  await expect(job(page)).toContainText("8of 250");
  await mendNetwork(stage, page);
  await page.getByRole("button", { name: "Finish job" }).click();
  await dialog(page).getByRole("button", { name: "Finish job" }).click();
  await expect(job(page)).toContainText("No job");
  await operators(page)
    .getByRole("button", { name: `Log off ${ben.name}` })
    .click();
  await expect(page.getByRole("list", { name: "Operators" })).not.toContainText(ben.name);

  await expect
    .poll(async () => await arrived(stage, "press-1"))
    .toEqual({
      job_log: ["start WO-1001 by 17", "switch WO-1002 by 18", "finish WO-1002 by 18"],
      piece_entries: ["3 scrap burr by 17", "50 scrap crack by 17", "50 scrap crack by 17 taken back"],
      production_logs: ["good 57", "scrap 3"],
      downtime_entries: ["began", "reason jam by 17", "ended"],
      shift_log: [
        "operator_on by 17",
        "note The belt of the feeder is worn. by 17",
        "operator_on by 18",
        "operator_off by 17",
        "operator_off by 18",
      ],
      scans: ["WO-1001", "WO-1001", "4006381333931", "WO-1002"],
    });
  const twice = `SELECT 1 AS found FROM piece_entries GROUP BY agent_id, epoch, seq HAVING count(*) > 1`;
  expect(await stage.rows(twice)).toEqual([]);
  expect(await stage.rows("SELECT * FROM quarantined_events")).toEqual([]);
  expect(await stage.rows(`SELECT 1 AS found FROM plants WHERE name = '${PLANT}'`)).toHaveLength(1);
});

test("a reboot with no network keeps operators, job and entries, and entries go on", async ({
  stage,
  plant: _,
  visit,
}) => {
  // While the agent is away the page asks for it in vain.
  visit.provokes(/ERR_CONNECTION_REFUSED|ERR_INCOMPLETE_CHUNKED_ENCODING|ERR_CONNECTION_RESET|ERR_EMPTY_RESPONSE/);
  const page = await visit.station("press-2");
  await logOn(page, anna);
  await scan(page, ORDERS.frames.code);
  await expect(job(page)).toContainText("Seat frame, welded");
  await stage.machine("press-2", { total: 20 });
  await expect(job(page)).toContainText("20of 120");
  await cutNetwork(stage, page);
  await reportScrap(page, "2", "Burr");
  await expect(job(page)).toContainText("18of 120");
  await page.getByRole("button", { name: /^Entries/ }).click();
  const entries = dialog(page).getByRole("listitem");
  const before = await entries.allInnerTexts();
  await dialog(page).getByRole("button", { name: "Close" }).click();

  await stage.direct({ do: "kill_agent" });
  await expect(page.getByRole("alert")).toContainText("The station's computer has not answered since");
  // What is entered meanwhile waits in the browser.
  await leaveNote(page, "The power was gone.");
  await expect(feedback(page)).toContainText("Not stored yet");
  await stage.direct({ do: "resume_agent" });
  await expect(feedback(page)).toContainText("Stored");
  await expect(page.getByRole("alert")).toBeHidden();

  await page.reload();
  await expect(page.getByRole("button", { name: /^Offline since/ })).toBeVisible();
  await expect(operators(page).getByRole("button", { name: anna.name, exact: true })).toBeVisible();
  await expect(job(page)).toContainText("Seat frame, welded");
  await expect(job(page)).toContainText("18of 120");
  await page.getByRole("button", { name: /^Entries/ }).click();
  await expect(entries).toHaveCount(before.length + 1);
  expect((await entries.allInnerTexts()).slice(1)).toEqual(before);
  await dialog(page).getByRole("button", { name: "Close" }).click();

  await reportScrap(page, "4", "Crack");
  await expect(job(page)).toContainText("14of 120");
  await mendNetwork(stage, page);
  await expect
    .poll(async () => await arrived(stage, "press-2"))
    .toMatchObject({
      job_log: ["start WO-1003 by 17"],
      piece_entries: ["2 scrap burr by 17", "4 scrap crack by 17"],
      production_logs: ["good 14", "scrap 6"],
      downtime_entries: [],
      shift_log: expect.arrayContaining(["note The power was gone. by 17"]),
    });
});

test("a PIN that is locked is told, and holds up nothing that is entered after it", async ({ plant: _, visit }) => {
  visit.provokes(/status of (403|429)/);
  const page = await visit.station("press-1");
  await operators(page).getByRole("button", { name: "Log on" }).click();
  await dialog(page).getByLabel("Number").focus();
  await tap(page, ben.number);
  for (const says of [...Array(4).fill("The PIN is wrong"), "Too many wrong PINs"]) {
    await dialog(page).getByLabel("PIN").focus();
    await tap(page, "0000");
    await dialog(page).getByRole("button", { name: "Log on" }).click();
    await expect(dialog(page).getByRole("alert")).toContainText(says);
  }
  await scan(page, ben.badge);
  await expect(feedback(page)).toContainText(ben.name);
});

test("a page that the agent has outgrown is opened anew once nothing is under way on it", async ({
  plant: _,
  visit,
}) => {
  visit.provokes(OUT_OF_REACH);
  const page = await visit.station("press-1");
  await expect(page.getByRole("heading", { name: TITLES["press-1"] })).toBeVisible();
  await scan(page, ben.badge);
  await expect(feedback(page)).toContainText(ben.name);
  await page.getByRole("button", { name: "Shift note" }).click();
  // As after an update: what the agent serves is another program.
  const served = page.waitForResponse((response) => new URL(response.url()).pathname === "/");
  await page.route(
    ({ pathname }) => pathname === "/",
    async (route) => {
      if (route.request().resourceType() !== "fetch") return await route.continue();
      const response = await route.fetch();
      const body = (await response.text()).replace(/index-[^".]+\.js/, "index-newer.js");
      await route.fulfill({ response, body });
    },
  );
  await goOutOfReach(page);
  await expect(page.getByText(/computer has not answered since/)).toBeVisible();
  await comeBack(page);
  await served;
  await dialog(page).getByLabel("For the next shift").fill("not lost by it");
  const opened = page.waitForEvent("load");
  await dialog(page).getByRole("button", { name: "Store note" }).click();
  await opened;
  await page.getByRole("button", { name: /^Entries/ }).click();
  await expect(dialog(page)).toContainText("not lost by it");
});

test("what is corrected at central appears on the open page, and stays with no network", async ({
  stage,
  plant,
  visit,
}) => {
  const page = await visit.station("press-3");
  const machine = page.getByRole("region", { name: TITLES["press-3"] });
  const stops = `/machines/${plant.id("press-3")}/stops`;
  const atCentral = async () => (await plant.api.ask<{ stops: CentralStop[] }>("GET", stops)).stops;
  await logOn(page, anna);
  await stage.machine("press-3", { state: "running" });
  await expect(machine).toContainText("Running");
  await stage.machine("press-3", { state: "stopped" });
  await page.getByRole("button", { name: "Material jam" }).click();
  await expect(machine).toContainText("Material jam");
  await expect.poll(async () => (await atCentral())[0]?.reason?.code).toBe("jam");

  const [stop] = await atCentral();
  if (!stop) throw new Error("central has no stop");
  const body = { id: crypto.randomUUID(), reason: "tool", why: "The die is cracked" };
  await plant.api.ask("POST", `${stops}/${stop.agent_id}/${stop.stop}/reason`, body);
  await expect(machine).toContainText("Tool broken");
  await expect(machine).toContainText("Reason given at central by scenarios");
  await expect(machine).toContainText("Said here: Material jam");
  await lookAt(page, "station-corrected");

  // What is entered after it is stored and does not hold, and the page says so before.
  await machine.getByRole("button", { name: "Change reason" }).click();
  await expect(dialog(page).getByRole("region", { name: "From central" })).toContainText("This reason holds.");
  await expect(dialog(page)).toContainText("The die is cracked");
  await lookAt(page, "station-corrected-stop");
  await dialog(page).getByRole("button", { name: "Cleaning" }).click();
  await expect(machine).toContainText("Said here: Cleaning");
  await expect(machine).toContainText("Tool broken");
  await expect.poll(async () => (await atCentral())[0]?.said_since?.code).toBe("cleaning");
  expect((await atCentral())[0]?.reason?.code).toBe("tool");

  await cutNetwork(stage, page);
  await page.reload();
  await expect(machine).toContainText("Reason given at central by scenarios");
  await mendNetwork(stage, page);
});

interface CentralStop {
  agent_id: number;
  stop: number;
  reason: { code: string } | null;
  said_since: { code: string } | null;
}
