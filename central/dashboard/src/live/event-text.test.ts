import { expect, it } from "vitest";
import { EventText } from "./event-text.ts";

const STREAM =
  'retry: 1000\nid: a-1\nevent: board\ndata: {"at":1}\n\n: still here\n\nid: a-2\nevent: heartbeat\ndata: {}\n\n';

it("events are the same wherever the stream is cut", () => {
  const expected = [
    { event: "board", data: '{"at":1}' },
    { event: "heartbeat", data: "{}" },
  ];
  for (let cut = 0; cut <= STREAM.length; cut += 1) {
    const events = new EventText();
    expect([...events.push(STREAM.slice(0, cut)), ...events.push(STREAM.slice(cut))]).toEqual(expected);
  }
});

it("what has no end yet is no event", () => {
  expect(new EventText().push("event: board\ndata: {}\n")).toEqual([]);
});
