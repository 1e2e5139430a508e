/** What rarely happens, made to happen, looked at and decided on. Every trouble has its real cause. */
import { expect, type Page } from "@playwright/test";
import { SCREENS } from "../preconditions.ts";
import { enter } from "../stage/entries.ts";
import { Extra, machineSection, reading, SMALL_LOG, seen } from "../stage/extra.ts";
import { glanceAt, settled } from "../stage/look.ts";
import { logIn, type Person } from "../stage/people.ts";
import { type Api, PLANT } from "../stage/plant.ts";
import { SIZES, test, type Visit } from "../stage/scenario.ts";

test.use({ scene: "troubles" });

const VIENNA = { plant: PLANT, time_zone: "Europe/Vienna" };
/** Another plant, in which agent and machine have the names that they have in the first one. */
const SOUTH = { plant: "south", time_zone: "America/New_York" };
const WHOLE = { whole: true };

const heading = (page: Page, name: string) => page.getByRole("heading", { level: 1, name });
const dialog = (page: Page) => page.getByRole("dialog");
const table = (page: Page, name: string) => page.getByRole("table", { name });

async function visitAs(visit: Visit, person: Person, path: string): Promise<Page> {
  const page = await visit.stranger(path);
  await logIn(page, person);
  return page;
}

/** The button of a dialog that has the name of the one that opened it. */
async function confirm(page: Page, title: string | RegExp, action: string, typed?: string): Promise<void> {
  const asked = page.getByRole("dialog", { name: title });
  if (typed !== undefined) await asked.getByLabel(`Type ${typed} to confirm`).fill(typed);
  await asked.getByRole("button", { name: action, exact: true }).click();
}

async function tell(api: Api, kind: "email" | "webhook", title: string, address: string): Promise<number> {
  const body = { plant: PLANT, kind, title, address, plain_http: kind === "webhook" };
  return (await api.ask<{ channel: { id: number } }>("POST", "/alerts/channels", body)).channel.id;
}

test("an incident that nobody could be told of: deliveries, dead letters, replay and discard", async ({
  stage,
  plant: { api },
  people,
  visit,
}) => {
  visit.provokes(/status of 404/);
  const flaky = (await stage.direct({ do: "receive_webhooks", statuses: [503, 410, 200] })) as string;
  const gone = (await stage.direct({ do: "receive_webhooks", statuses: [410] })) as string;
  const channels = [
    await tell(api, "webhook", "Andon board", flaky),
    await tell(api, "webhook", "Old chat", gone),
    // Nobody listens there: it is tried again for hours.
    await tell(api, "webhook", "Chat of the night shift", "http://127.0.0.1:9/hook"),
    // No mail server is configured.
    await tell(api, "email", "Shift leads", "shift@plant.test"),
  ];
  await enter(stage, "help", { machine: "packer-2", active: true });
  const letters = async () => await stage.rows<{ id: number }>("SELECT msg_id AS id FROM pgmq.q_dlq");
  await expect.poll(letters, { message: "three are given up" }).toHaveLength(3);

  const page = await visit.dashboard("/work");
  await expect(table(page, "Incidents that are open, newest first")).toContainText("Call for help");
  await page.getByRole("link", { name: /^Who was told of: Call for help/ }).click();
  const deliveries = table(page, "Deliveries, newest first");
  await expect(deliveries.getByRole("row")).toHaveCount(1 + channels.length);
  await expect(deliveries).toContainText("Call for help began");
  await expect(deliveries).toContainText("is tried again");
  await deliveries.getByRole("button", { name: `Attempts to reach ${flaky}` }).click();
  await expect(deliveries).toContainText("the receiver answered 410");
  await glanceAt(page, "work-deliveries-failed");

  await page.getByRole("button", { name: /^Dead letters/ }).click();
  const dead = table(page, "Dead letters, newest first");
  await expect(dead.getByRole("row")).toHaveCount(1 + 3);
  await glanceAt(page, "work-dead-letters-some");

  // The one that was tried twice: its receiver is back.
  const twice = dead.getByRole("row").filter({ has: page.getByRole("cell", { name: "2", exact: true }) });
  await twice.getByRole("button", { name: "Call a webhook" }).click();
  await expect(dialog(page)).toContainText("Attempt 2");
  await expect(dialog(page)).toContainText("the receiver answered 503");
  await glanceAt(page, "work-dead-letter");
  await dialog(page).getByRole("button", { name: "Replay" }).click();
  await confirm(page, "Try this job again?", "Replay");
  await expect(dead.getByRole("row")).toHaveCount(1 + 2);
  const sent = `SELECT c.address FROM alert_deliveries d JOIN alert_channels c ON c.id = d.channel_id WHERE d.state = 'sent'`;
  await expect.poll(async () => await stage.rows(sent)).toEqual([{ address: flaky }]);

  // The one of a receiver that is gone for good, found by what it was to deliver.
  await dead.getByRole("button", { name: "Call a webhook" }).click();
  await dialog(page).getByRole("link", { name: "To whom, and of what" }).click();
  await expect(deliveries.getByRole("row").nth(1)).toContainText(gone);
  await page.goBack();
  await dead.getByRole("button", { name: "Call a webhook" }).click();
  await dialog(page).getByRole("button", { name: "Discard" }).click();
  await confirm(page, "Discard this job?", "Discard");
  await expect(dead.getByRole("row")).toHaveCount(1 + 1);
  expect(await letters()).toHaveLength(1);

  // The last one is opened by two, and one of them is slower.
  await dead.getByRole("button", { name: "Send a mail" }).click();
  await expect(dialog(page)).toContainText("no mail server is configured");
  const [{ id } = { id: 0 }] = await letters();
  await dialog(page).getByRole("button", { name: "Replay" }).click();
  await api.ask("POST", `/work/dead-letters/${id}/discard`);
  await confirm(page, "Try this job again?", "Replay");
  const refused = page.getByRole("dialog", { name: "Try this job again?" }).getByRole("alert");
  await expect(refused).toContainText("somebody may have decided on it meanwhile");
  await expect(page.getByText("No job was given up.")).toBeAttached();
  const did = "SELECT action FROM audit_log WHERE action LIKE 'dead_letter.%' ORDER BY id";
  expect((await stage.rows<{ action: string }>(did)).map(({ action }) => action)).toEqual([
    "dead_letter.replay",
    "dead_letter.discard",
    "dead_letter.discard",
  ]);

  const leo = await people.letIn("leo", "shift_lead", "Leo Lang");
  await api.ask("POST", `/alerts/channels/${channels[1]}/test`);
  await expect.poll(letters).toHaveLength(1);
  const his = await visitAs(visit, leo, "/work?show=dead-letters");
  await table(his, "Dead letters, newest first").getByRole("button", { name: "Call a webhook" }).click();
  await expect(dialog(his)).toContainText("Managers and administrators replay or discard it.");
  await expect(dialog(his).getByRole("button", { name: "Replay" })).toHaveCount(0);

  await enter(stage, "help", { machine: "packer-2", active: false });
  await page.goto(`${stage.addresses.central}/work?state=resolved`);
  await expect(table(page, "Incidents that are resolved, newest first")).toContainText("Call for help");
  for (const channel of channels) await api.ask("DELETE", `/alerts/channels/${channel}`);
});

test("two plants with the same names in them are told apart, and somebody of one sees only that one", async ({
  stage,
  plant,
  people,
  visit,
}) => {
  visit.provokes(/status of 404/);
  const page = await visit.dashboard("/records/plants");
  await page.getByRole("button", { name: "New plant" }).click();
  await dialog(page).getByLabel("Name").fill(SOUTH.plant);
  await dialog(page).getByLabel("Time zone").fill(SOUTH.time_zone);
  await dialog(page).getByRole("button", { name: "Create plant" }).click();
  await expect(page.getByRole("combobox", { name: "Plant" }).getByRole("option")).toHaveCount(1 + 2);
  const hall = await Extra.enrol(stage, { name: "hall-1", ...SOUTH, sections: machineSection("press-1") });
  const now = Date.now();
  await hall.replay(
    reading(now - 8_000, "press-1", "state", "running") +
      reading(now - 6_000, "press-1", "count", 12) +
      reading(now - 4_000, "press-1", "state", "stopped"),
  );
  await plant.api.ask("POST", "/lines", { plant: SOUTH.plant, name: "stamping", title: "Stamping" });
  const found = "SELECT m.id FROM machines m JOIN plants p ON p.id = m.plant_id WHERE p.name = 'south'";
  const [{ id } = { id: 0 }] = await stage.rows<{ id: number }>(found);
  const { version } = await plant.api.ask<{ version: number }>("GET", `/machine-settings/${id}`);
  const settings = { version, title: "Press 1, 160 t", line: "stamping", microstop_below_ms: null };
  await plant.api.ask("PUT", `/machine-settings/${id}`, settings);

  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Plant now" }).click();
  const south = page.getByRole("region", { name: "south · stamping" });
  await expect(south.getByRole("article")).toContainText("12good today");
  await expect(page.getByRole("region", { name: `${PLANT} · stamping` }).getByRole("article")).toHaveCount(3);
  await glanceAt(page, "plants-now", WHOLE);
  await page.goto(`${stage.addresses.central}/stops`);
  await expect(table(page, "Stops, newest first")).toContainText("south");
  await glanceAt(page, "plants-stops");
  const wall = await visit.dashboard("/kiosk", { size: SIZES.wall });
  await expect(wall.getByRole("article").filter({ hasText: "south · stamping" })).toHaveCount(1);
  await settled(wall);
  await wall.screenshot({ path: `${SCREENS}/plants-kiosk.png` });
  await page.goto(`${stage.addresses.central}/records/machines?q=press-1`);
  await expect(table(page, "Machines, by plant and name").getByRole("row")).toHaveCount(1 + 2);
  await glanceAt(page, "plants-machines");
  await page.goto(`${stage.addresses.central}/agents`);
  await expect(page.getByRole("link", { name: "hall-1" })).toHaveCount(2);
  await glanceAt(page, "plants-agents");

  // The plant that was chosen stays chosen, wherever one goes from there.
  await page.getByRole("combobox", { name: "Plant" }).selectOption("south");
  await expect(page.getByRole("link", { name: "hall-1" })).toHaveCount(1);
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Plant now" }).click();
  await expect(page.getByRole("article")).toHaveCount(1);
  await page.getByRole("link", { name: "Press 1, 160 t", exact: true }).click();
  await expect(heading(page, "Press 1, 160 t")).toBeVisible();
  await page.getByRole("link", { name: /unexplained/ }).click();
  await expect(heading(page, "Stops")).toBeVisible();
  await page.getByRole("link", { name: "Press 1, 160 t", exact: true }).click();
  await page.getByRole("link", { name: /^Plant now ·/ }).click();
  await expect(page.getByRole("article")).toHaveCount(1);
  await expect(page).toHaveURL(/plant=south/);

  const sue = await people.letIn("sue", "manager", "Sue South", SOUTH.plant);
  // A colleague sent an address that names the plant that she does not see.
  const hers = await visitAs(visit, sue, `/?plant=${PLANT}`);
  await expect(hers.getByRole("article")).toHaveCount(1);
  await expect(hers.getByRole("combobox", { name: "Plant" })).toHaveCount(0);
  const other = await seen(plant.api, PLANT, "hall-1");
  for (const path of [`/machines/${plant.id("press-1")}`, `/agents/${other.uuid}`]) {
    await hers.goto(stage.addresses.central + path);
    await expect(hers.getByRole("alert")).toContainText(/there is no such/i);
  }
  // What was given up is of the other plant.
  await hers.goto(`${stage.addresses.central}/work?show=dead-letters`);
  await expect(hers.getByText("No job was given up.")).toBeVisible();
  await expect(hers.getByRole("button", { name: "Dead letters", exact: true })).toBeVisible();
});

/** An agent of the first plant to which things happen. */
const hallOf = async (stage: Parameters<typeof Extra.enrol>[0], name: string, sections: string) =>
  await Extra.enrol(stage, { name, ...VIENNA, sections });

test("a log that overflowed and bytes that were no batch are shown with what is known of them", async ({
  stage,
  plant: { api },
  visit,
}) => {
  const hall = await hallOf(stage, "hall-2", machineSection("filler-1") + SMALL_LOG);
  const began = Date.now() - 8_000_000;
  const readings = Array.from({ length: 8_000 }, (_, n) =>
    reading(began + n * 1_000, "filler-1", "temperature", 20 + (n % 7)),
  );
  await hall.replayIntoItsLog(readings.join(""));
  // The next start tells what was lost.
  await hall.run();
  await expect.poll(async () => (await seen(api, PLANT, "hall-2")).gaps.count).toBeGreaterThan(0);
  expect((await hall.send(Buffer.from("GET / HTTP/1.1\r\n\r\n"))).status).toBe(400);
  const newer = new Uint8Array(64);
  newer.set([0x53, 0x46, 0x4d, 0x00, 200]);
  expect((await hall.send(newer)).status).toBe(426);

  const { uuid, gaps } = await seen(api, PLANT, "hall-2");
  const page = await visit.dashboard(`/agents/${uuid}`);
  await expect(table(page, "Recorded loss, newest first")).toContainText("buffer full");
  await expect(table(page, "Recorded loss, newest first")).toContainText(gaps.lost.toLocaleString("en-GB"));
  await expect(table(page, "Rejected frames, newest first").getByRole("row")).toHaveCount(1 + 2);
  await glanceAt(page, "agent-losses", WHOLE);
});

test("events from the future and of another agent's machine are set aside, released, and the machine is transferred", async ({
  stage,
  plant,
  people,
  visit,
}) => {
  const { api } = plant;
  const hall = await hallOf(stage, "hall-3", machineSection("filler-3") + machineSection("press-3"));
  const now = Date.now();
  // Central takes what is up to five minutes ahead: a moment that is to come within this scenario, and one that is not.
  const soon = now + 310_000;
  await hall.replay(
    reading(now - 60_000, "filler-3", "count", 5) +
      reading(now - 50_000, "press-3", "count", 7) +
      reading(now - 40_000, "press-3", "count", 8) +
      reading(soon, "filler-3", "count", 6) +
      reading(Date.parse("2099-01-05T10:00:00Z"), "filler-3", "count", 100),
  );
  const { uuid, quarantined_events } = await seen(api, PLANT, "hall-3");
  expect(quarantined_events).toBeGreaterThanOrEqual(4);
  const page = await visit.dashboard(`/agents/${uuid}`);
  await expect(table(page, "Events that are set aside, oldest first")).toContainText("2099");
  await glanceAt(page, "agent-set-aside", WHOLE);
  const pieces = async (machine: string) => {
    const sql = `SELECT coalesce(sum(l.delta), 0)::int AS made FROM production_logs l JOIN machines m ON m.id = l.machine_id
                 JOIN agents a ON a.id = l.agent_id WHERE m.name = '${machine}' AND a.name = 'hall-3'`;
    return (await stage.rows<{ made: number }>(sql))[0]?.made;
  };
  expect(await pieces("filler-3")).toBe(5);

  // Who may not: sees why, and is not asked.
  const mia = await people.letIn("mia", "manager", "Mia Moser");
  const hers = await visitAs(visit, mia, `/agents/${uuid}`);
  await expect(hers.getByText("An administrator can release them.")).toBeVisible();
  await expect(hers.getByRole("button", { name: /^Release/ })).toHaveCount(0);

  await expect.poll(() => Date.now(), { intervals: [500] }).toBeGreaterThan(soon - 300_000 + 1_000);
  await page.getByRole("button", { name: "Release what is held of filler-3: lies in the future" }).click();
  await confirm(page, "Release events that were set aside?", "Release");
  const told = page.getByRole("status").filter({ hasText: /became|left to release/ });
  await expect(told).toContainText(/1 event became a fact; \d+ events? stays?, because the reason still holds/);
  expect(await pieces("filler-3")).toBe(5 + 6);

  // Somebody is about to release what is gone by then.
  const late = await visit.dashboard(`/agents/${uuid}`);
  await late.getByRole("button", { name: /^Release what is held of press-3/ }).click();
  await page.getByRole("link", { name: "Show the machine" }).click();
  await page.getByRole("button", { name: "press-3" }).click();
  await dialog(page).getByLabel("Another agent").selectOption("hall-3");
  await dialog(page).getByRole("button", { name: "Transfer" }).click();
  await confirm(page, "Let hall-3 report press-3?", "Transfer", "press-3");
  await expect(dialog(page).getByRole("status")).toContainText("hall-3 reports it from here on.");
  await glanceAt(page, "machine-transferred");
  expect(await pieces("press-3")).toBe(15);
  // The form beside it is of the machine as it is by now: nobody else has changed it.
  await expect(dialog(page)).toContainText("Only hall-3 may report this machine.");
  await dialog(page).getByLabel("Title").fill("Press 3, moved");
  await dialog(page).getByRole("button", { name: "Save" }).click();
  await expect(dialog(page)).toBeHidden();
  await expect(table(page, "Machines, by plant and name")).toContainText("Press 3, moved");
  await confirm(late, "Release events that were set aside?", "Release");
  await expect(late.getByText("Nothing was left to release: somebody has released it meanwhile.")).toBeVisible();
  await expect(late.getByRole("button", { name: /^Release what is held of press-3/ })).toHaveCount(0);
  await hers.goto(`${stage.addresses.central}/machines/${plant.id("press-3")}`);
  await expect(hers.getByText("by hall-3")).toBeVisible();
  await page.goto(`${stage.addresses.central}/agents/${uuid}`);
  await expect(page.getByText("another agent reports this machine")).toHaveCount(0);
  await page.getByRole("button", { name: "Release what is held of filler-3: lies in the future" }).click();
  await confirm(page, "Release events that were set aside?", "Release");
  await expect(told).toContainText(/Nothing became a fact; \d+ events? stays?/);
  const did =
    "SELECT DISTINCT action FROM audit_log WHERE action IN ('quarantine.release', 'machine.transfer') ORDER BY 1";
  expect((await stage.rows<{ action: string }>(did)).map(({ action }) => action)).toEqual([
    "machine.transfer",
    "quarantine.release",
  ]);

  // The machine's own computer goes on reporting it: that is set aside from here on, and can be seen.
  await stage.machine("press-3", { total: 50 });
  await expect.poll(async () => (await seen(api, PLANT, "hall-1")).quarantined_events).toBeGreaterThan(0);
});

test("two histories under one name: seen everywhere, decided once, and decided anew", async ({
  stage,
  plant: { api },
  people,
  visit,
}) => {
  visit.provokes(/status of 409/);
  const hall = await hallOf(stage, "hall-4", machineSection("filler-4"));
  const now = Date.now();
  await hall.replay(reading(now - 60_000, "filler-4", "count", 5) + reading(now - 50_000, "filler-4", "count", 6));
  const agent = async () => await seen(api, PLANT, "hall-4");
  const { started_at } = await agent();
  const copy = await hall.copy();
  await hall.run();
  await expect.poll(async () => (await agent()).started_at).not.toBe(started_at);
  await copy.run();
  await expect.poll(async () => (await agent()).divergence, { message: "the copy is noticed" }).not.toBeNull();

  const page = await visit.dashboard("/work");
  await page.getByRole("link", { name: "hall-4", exact: true }).click();
  await expect(heading(page, "hall-4")).toBeVisible();
  await expect(page.getByRole("heading", { name: "Two histories under this name" })).toBeVisible();
  const sides = page.getByRole("listitem").filter({ has: page.getByRole("heading", { level: 3 }) });
  await expect(sides).toHaveCount(2);
  await glanceAt(page, "agent-divergence", WHOLE);
  const max = await people.letIn("max", "manager", "Max Maier");
  const his = await visitAs(visit, max, `/agents?plant=${PLANT}`);
  await expect(his.getByRole("row").filter({ hasText: "hall-4" })).toContainText("two histories");
  await his.getByRole("link", { name: "hall-4" }).click();
  await expect(his.getByText("An administrator decides.")).toBeVisible();
  await expect(his.getByRole("button", { name: /^Let this one go on/ })).toHaveCount(0);

  // Two administrators decide at once: one of them does, the other is told.
  const { uuid } = await agent();
  const late = await visit.dashboard(`/agents/${uuid}`);
  const committed = (of: Page) =>
    of.getByRole("listitem").filter({ hasText: "what is committed came from it" }).getByRole("button");
  for (const one of [page, late]) await committed(one).click();
  await confirm(page, /^Let .* go on as hall-4\?$/, "Let it go on", "hall-4");
  await expect(page.getByRole("status").filter({ hasText: "goes on with" })).toContainText("stays refused");
  await confirm(late, /^Let .* go on as hall-4\?$/, "Let it go on", "hall-4");
  await expect(dialog(late).getByRole("alert")).toContainText("decided already, by ada");
  await late.close();
  expect(await agent()).toMatchObject({
    divergence: null,
    decided_divergence: { resolved_by: "ada" },
    log: { epoch: 2 },
  });

  // The copy is started again, asks, and everybody sees it.
  await copy.stop();
  await copy.run();
  const asked = `SELECT 1 AS asked FROM divergences WHERE last_seen_at > resolved_at`;
  await expect.poll(async () => await stage.rows(asked)).toHaveLength(1);
  await page.reload();
  await expect(page.getByText(/A process that was not accepted still asked/)).toBeVisible();
  await glanceAt(page, "agent-divergence-decided", WHOLE);
  await his.goto(`${stage.addresses.central}/agents`);
  await expect(his.getByRole("row").filter({ hasText: "hall-4" })).toContainText("a copy is refused");

  await page.getByText("What was known, and another decision").click();
  const accepted = sides.filter({ hasText: "accepted" });
  await expect(accepted).toHaveCount(1);
  await expect(accepted.getByRole("button")).toHaveCount(0);
  await sides.filter({ hasNotText: "accepted" }).last().getByRole("button").click();
  await confirm(page, /^Let .* go on as hall-4\?$/, "Let it go on", "hall-4");
  await expect(page.getByRole("status").filter({ hasText: "goes on with" })).toContainText("epoch 3");
  expect(await agent()).toMatchObject({ divergence: null, log: { epoch: 3 } });
  const did = "SELECT count(*)::int AS decisions FROM audit_log WHERE action = 'agent.resolve'";
  expect(await stage.rows(did)).toEqual([{ decisions: 2 }]);
  const over = "SELECT 1 AS over FROM incidents WHERE kind = 'divergence' AND resolved_at IS NOT NULL";
  await expect.poll(async () => await stage.rows(over)).toHaveLength(1);
});
