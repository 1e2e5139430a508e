import { expect, test } from "vitest";
import { understood } from "./agent";

const refused = (code: string) => ({ code, detail: "in words" });

test("a refusal is final, also one that asks for patience", () => {
  const locked = { ...refused("locked"), retry_at: "2026-11-22T10:00:00Z" };
  expect(understood(429, locked)).toEqual({ is: "refused", refusal: locked });
  expect(understood(403, refused("wrong_pin"))).toEqual({ is: "refused", refusal: refused("wrong_pin") });
});

test("what the agent cannot store at this time is sent again, and so is what was not answered by the agent", () => {
  expect(understood(503, refused("not_stored"))).toEqual({ is: "not_stored", why: "in words" });
  for (const status of [200, 304, 408, 425, 429, 500, 502, 503]) {
    expect(understood(status, null)).toEqual({ is: "not_stored", why: null });
  }
  for (const status of [400, 404, 413]) expect(understood(status, null).is).toBe("refused");
});
