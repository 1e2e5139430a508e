/** What an operator enters at the station, without its page: for scenarios in which it has only to be there. */
import { randomUUID } from "node:crypto";
import { expect } from "@playwright/test";
import { OPERATORS, ORDERS } from "./plant.ts";
import type { Stage } from "./stage.ts";

export async function enter(stage: Stage, path: string, body: object): Promise<void> {
  const { station } = stage.addresses;
  const response = await fetch(`${station}/api/station/${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", origin: station },
    body: JSON.stringify({ id: randomUUID(), ...body }),
  });
  expect(response.ok, `${path} is answered ${response.status}: ${await response.text()}`).toBe(true);
}

/** Anna is on, runs a job on press-1 that was interrupted by a stop, has scrapped pieces, left a note, scanned a code. */
export async function workAWhile(stage: Stage): Promise<void> {
  const { number: operator, badge } = OPERATORS.anna;
  const at = { operator, machine: "press-1" };
  // Master data is on its way to the station.
  await expect(async () => await enter(stage, "log-on", { badge })).toPass();
  await enter(stage, "job", { ...at, action: "start", work_order: ORDERS.brackets.code });
  await stage.machine("press-1", { total: 180 });
  await stage.machine("press-2", { state: "stopped", total: 64 });
  await stage.machine("oven-1", { state: "setup" });
  await expect
    .poll(async () => await stage.rows("SELECT 1 AS found FROM machine_live WHERE good = 180"))
    .toHaveLength(1);
  await enter(stage, "pieces", { ...at, good: 0, scrap: 4, rework: 0, reason: "burr" });
  await enter(stage, "shift-note", { ...at, note: "The belt of the feeder is worn." });
  const raw = Buffer.from("]d20104006381333931").toString("base64");
  await enter(stage, "scan", { ...at, raw });
}
