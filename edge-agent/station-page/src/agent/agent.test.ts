import { expect, test } from "vitest";
import { programOf, understood } from "./agent";

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

test("a page is known by its program, as it is served and as a browser holds it", () => {
  const served = '<title>Station</title>\n<script type="module" crossorigin src="/assets/index-CPCNnVct.js"></script>';
  const held = '<title>hall</title><script type="module" crossorigin="" src="/assets/index-CPCNnVct.js"></script>';
  expect(programOf(served)).toBe("/assets/index-CPCNnVct.js");
  expect(programOf(held)).toBe(programOf(served));
  expect(programOf("<h1>Bad gateway</h1>")).toBeNull();
});
