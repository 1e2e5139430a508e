import { expect, it } from "vitest";
import { LookAgain } from "./look-again.ts";

/** Answers and pauses that end when the test says so. */
function stage() {
  const asked: string[] = [];
  const ends: (() => void)[] = [];
  const until = () => new Promise<void>((resolve) => ends.push(resolve));
  const again = new LookAgain<"stops" | "work">(
    (topic) => {
      asked.push(topic);
      return until();
    },
    () => until(),
  );
  const step = async () => {
    for (const end of ends.splice(0)) end();
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
  };
  return { asked, again, step };
}

it("changes while one is being asked about are one more question, after it", async () => {
  const { asked, again, step } = stage();
  for (let change = 0; change < 10; change += 1) again.changed("stops");
  expect(asked).toEqual(["stops"]);
  await step();
  expect(asked, "a pause lies between").toEqual(["stops"]);
  await step();
  expect(asked).toEqual(["stops", "stops"]);
  await step();
  await step();
  expect(asked, "and then it rests").toEqual(["stops", "stops"]);
  again.changed("stops");
  expect(asked).toHaveLength(3);
});

it("topics do not wait for each other", () => {
  const { asked, again } = stage();
  again.changed("stops");
  again.changed("work");
  expect(asked).toEqual(["stops", "work"]);
});

it("a question that fails is no reason not to ask again", async () => {
  let asked = 0;
  const again = new LookAgain(
    () => {
      asked += 1;
      return Promise.reject(new Error("central cannot be reached"));
    },
    () => Promise.resolve(),
  );
  again.changed("stops");
  again.changed("stops");
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  expect(asked).toBe(2);
});
