/** `npm run pictures`: those of the README, of a plant that has really run for some minutes. */
import { fileURLToPath } from "node:url";
import { expect } from "@playwright/test";
import { enter } from "../stage/entries.ts";
import { settled } from "../stage/look.ts";
import { OPERATORS, ORDERS } from "../stage/plant.ts";
import { test } from "../stage/scenario.ts";

test.use({ scene: "pictures" });

const PICTURES = fileURLToPath(new URL("../../../docs/pictures", import.meta.url));
const RUN_FOR_S = 240;

/** Seconds for one piece. */
const CYCLE_S = {
  "press-1": 0.9,
  "press-2": 1.1,
  "press-3": 1.6,
  "welder-1": 2.6,
  "oven-1": 5,
  "packer-1": 3.1,
} as const;

test("the pictures of the README", async ({ stage, plant: _, visit }) => {
  const { anna, ben } = OPERATORS;
  await expect(async () => await enter(stage, "log-on", { badge: anna.badge })).toPass();
  await enter(stage, "log-on", { badge: ben.badge });
  const start = async (machine: string, operator: string, work_order: string) =>
    await enter(stage, "job", { operator, machine, action: "start", work_order });
  await start("press-1", anna.number, ORDERS.brackets.code);
  await start("press-2", anna.number, ORDERS.hinges.code);
  await start("welder-1", ben.number, ORDERS.frames.code);
  await start("packer-1", ben.number, ORDERS.boxes.code);
  await stage.machine("welder-2", { state: "setup" });

  const plantNow = await visit.dashboard();
  const station = await visit.station("press-1");
  const began = Date.now();
  const seconds = () => (Date.now() - began) / 1_000;
  let stopped = false;
  while (seconds() < RUN_FOR_S) {
    for (const [machine, cycle_s] of Object.entries(CYCLE_S)) {
      if (machine === "press-3" && stopped) continue;
      await stage.machine(machine, { total: Math.floor(seconds() / cycle_s) });
    }
    if (!stopped && seconds() > RUN_FOR_S - 100) {
      await stage.machine("press-3", { state: "stopped" });
      await stage.machine("packer-2", { state: "idle" });
      await enter(stage, "pieces", {
        operator: anna.number,
        machine: "press-1",
        good: 0,
        scrap: 3,
        rework: 0,
        reason: "burr",
      });
      stopped = true;
    }
    // The plant's own pace.
    await plantNow.waitForTimeout(1_000);
  }
  await settled(plantNow);
  await plantNow.screenshot({ path: `${PICTURES}/plant-now.png` });
  await settled(station);
  await station.screenshot({ path: `${PICTURES}/station.png` });
});
