/** Stands in for the agent under `npm run dev`, in memory and just good enough to look at the page. Never shipped. */

import type { IncomingMessage, ServerResponse } from "node:http";
import type { Plugin } from "vite";
import type { Entry, EntryKind, Machine, Stored, View } from "../src/api";

const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();
const now = () => new Date().toISOString();

const HERE = { corrected: null, split_at_central: null };

function machine(name: string, title: string, state: Machine["state"]): Machine {
  const stands = state === "stopped";
  return {
    name,
    title,
    state,
    state_since: ago(stands ? 4.2 : 37),
    last_reading_at: now(),
    counts_itself: name !== "packing",
    pieces: { good: 1240, scrap: 12, rework: 3, since: ago(192), of: "shift" },
    job: {
      work_order: "WO-4711",
      product: "GW-24",
      product_title: "Gear wheel Z24",
      quantity: 2000,
      good: 1380,
      since: ago(250),
      paused: false,
    },
    stops: [
      ...(stands ? [{ stop: "9", began_at: ago(4.2), ended_at: null, reason: null, note: null, ...HERE }] : []),
      { stop: "8", began_at: ago(52), ended_at: ago(38), reason: null, note: null, ...HERE },
      {
        stop: "-1",
        began_at: ago(110),
        ended_at: ago(101),
        reason: null,
        note: null,
        corrected: null,
        split_at_central: { by: "Eva Lindner", at: ago(20) },
      },
      {
        stop: "7",
        began_at: ago(122),
        ended_at: ago(110),
        reason: "tool",
        note: "Feeder, second time today",
        corrected: {
          title: "Tool broken",
          why: "Seen on the camera",
          said_here: "jam",
          by: "Eva Lindner",
          at: ago(20),
        },
        split_at_central: null,
      },
    ],
    help_called_at: null,
  };
}

const view: View = {
  at: now(),
  station: "Hall 2, press line",
  plant: "Leipzig",
  time_zone: "Europe/Berlin",
  central: { reachable: true, since: ago(300), waiting_events: 0, reason: null, last_sync_at: now() },
  operators: [],
  machines: [machine("press-1", "Press 1", "stopped")],
  work_orders: [
    ["WO-4711", "GW-24", "Gear wheel Z24", "press-1", 2000],
    ["WO-4712", "GW-36", "Gear wheel Z36", "press-1", 800],
    ["WO-4720", "SH-10", "Shaft 10 mm", null, null],
    ["WO-4800", "BR-2", "Bracket, zinc plated", "press-2", 5000],
  ].map(([code, product, product_title, machine, quantity], index) => ({
    code: String(code),
    product: String(product),
    product_title: String(product_title),
    machine: machine as string | null,
    quantity: quantity as number | null,
    due_at: index < 3 ? ago(-60 * 24 * (index + 1)) : null,
  })),
  reasons: {
    downtime: [
      ["break", "Break", true],
      ["cleaning", "Cleaning", true],
      ["changeover", "Changeover", true],
      ["maintenance", "Planned maintenance", true],
      ["jam", "Material jam", false],
      ["material", "No material", false],
      ["operator", "No operator", false],
      ["tool", "Tool broken", false],
      ["quality", "Quality problem", false],
      ["electrical", "Electrical fault", false],
    ].map(([code, title, planned]) => ({ code: String(code), title: String(title), planned: planned === true })),
    pieces: ["Scratch", "Dimension", "Burr", "Material fault", "Set-up part"].map((title) => ({
      code: title.toLowerCase(),
      title,
      planned: false,
    })),
  },
  entries: [],
  ready_for_operators: true,
  undo_s: 120,
  from_scanners: [],
  pages: 1,
};

const PEOPLE: Record<string, string> = { "101": "Anna Berger", "102": "Ben Yilmaz", "103": "Katarzyna Nowak" };
const PATH_KINDS: Record<string, EntryKind> = {
  "log-on": "log_on",
  "log-off": "log_off",
  job: "job",
  pieces: "pieces",
  "stop/reason": "stop_reason",
  "stop/note": "stop_note",
  "stop/split": "stop_split",
  "shift-note": "shift_note",
  help: "help",
  scan: "scan",
};

// biome-ignore lint/suspicious/noExplicitAny: a stand-in that trusts its page
type Body = any;
type Said = { status: number; body: unknown };
const refuse = (code: string, detail: string): Said => ({ status: 422, body: { code, detail } });

function take(path: string, body: Body): Said {
  const before = view.entries.find(({ id }) => id === body.id);
  if (path === "pieces/undo") {
    if (!before) return refuse("too_late", "This entry is not there to be taken back.");
    before.undone = true;
    before.undo_until = null;
    return store({ id: body.id, at: now(), text: "Taken back", already: false });
  }
  if (before) return store({ id: body.id, at: before.at, text: before.text, already: true });
  const machine = view.machines.find(({ name }) => name === body.machine);
  const stop = machine?.stops.find(({ stop }) => stop === body.stop);
  let text = `${path} ${JSON.stringify(body)}`;
  let more = {};
  if (path === "log-on") {
    if (body.badge === undefined && body.pin !== "1234") return refuse("wrong_pin", "The PIN is wrong. Try again.");
    text = logOn(body.badge ?? body.number);
  }
  if (path === "log-off") view.operators = view.operators.filter(({ number }) => number !== body.operator);
  if (path === "job" && machine) {
    const order = view.work_orders.find(({ code }) => code === body.work_order);
    if (!order) return refuse("unknown_work_order", "This work order is not known here.");
    if (body.action === "pause" && machine.job) machine.job.paused = true;
    else if (body.action === "finish") machine.job = null;
    else machine.job = { ...order, work_order: order.code, good: 0, since: now(), paused: false };
    text = `${body.work_order}: ${body.action}`;
  }
  if (path === "pieces" && machine) {
    machine.pieces.good += body.good;
    machine.pieces.scrap += body.scrap;
    machine.pieces.rework += body.rework;
    text = `${body.good} good, ${body.scrap} scrap, ${body.rework} rework`;
  }
  if (path === "stop/reason" && stop) stop.reason = body.reason;
  if (path === "stop/note" && stop) stop.note = body.note;
  if (path === "stop/split" && machine && stop) {
    machine.stops = machine.stops.flatMap((one) =>
      one === stop
        ? [
            { ...stop, stop: `${stop.stop}b`, began_at: body.from },
            { ...stop, ended_at: body.from },
          ]
        : [one],
    );
  }
  if (path === "help" && machine) machine.help_called_at = body.active ? now() : null;
  if (path === "scan") {
    const scanned = Buffer.from(body.raw, "base64").toString();
    text = `Scanned ${scanned}`;
    const number = /^B(\d+)$/.exec(scanned)?.[1];
    const order = view.work_orders.find(({ code }) => code === scanned);
    if (number && !PEOPLE[number]) return refuse("unknown_badge", "This badge is not known here.");
    if (number) {
      const change = view.operators.some((operator) => operator.number === number) ? "already_on" : "logged_on";
      text = logOn(number);
      more = { meaning: { is: "operator", number, name: PEOPLE[number], change } };
    } else if (order) {
      const job = body.operator ? (body.machine ? "switched" : "asks_for_machine") : "asks_for_operator";
      more = { meaning: { is: "work_order", work_order: order.code, job, machine: body.machine, planned_for: null } };
    } else more = { meaning: { is: "code", text: scanned, problem: null } };
  }
  const entry: Entry = {
    id: body.id,
    at: now(),
    kind: PATH_KINDS[path] ?? "scan",
    machine: body.machine ?? null,
    operator: PEOPLE[body.operator] ?? null,
    text,
    said: null,
    at_central: false,
    undo_until: path === "pieces" ? ago(-2) : null,
    undone: false,
  };
  view.entries.unshift(entry);
  setTimeout(() => {
    entry.at_central = view.central.reachable;
    tell();
  }, 3_000);
  return store({ id: body.id, at: now(), text, already: false }, more);
}

function logOn(number: string): string {
  const name = PEOPLE[number] ?? number;
  view.operators = [...view.operators.filter((one) => one.number !== number), { number, name, since: now() }];
  return `${name} logged on`;
}

const store = (stored: Stored, more: object = {}): Said => ({ status: 200, body: { ...stored, ...more } });

const listeners = new Set<ServerResponse>();
function tell() {
  view.at = now();
  for (const listener of listeners) listener.write(`event: view\ndata: ${JSON.stringify(view)}\n\n`);
}

async function answer(request: IncomingMessage, response: ServerResponse) {
  const path = (request.url ?? "").replace(/^\//, "");
  if (path === "live") {
    response.writeHead(200, { "content-type": "text/event-stream", "cache-control": "no-store" });
    listeners.add(response);
    request.on("close", () => listeners.delete(response));
    return tell();
  }
  if (path === "view") return response.end(JSON.stringify(view));
  let text = "";
  for await (const part of request) text += part;
  const body = JSON.parse(text || "{}");
  if (path === "set") Object.assign(view, body);
  const said = path === "set" ? { status: 200, body: {} } : take(path, body);
  response.writeHead(said.status, { "content-type": "application/json" });
  response.end(JSON.stringify(said.body));
  tell();
}

export function standInAgent(): Plugin {
  return {
    name: "stand-in-agent",
    apply: "serve",
    configureServer(server) {
      server.middlewares.use("/api/station", (request, response) => void answer(request, response));
      setInterval(() => {
        for (const listener of listeners) listener.write("event: heartbeat\ndata: {}\n\n");
      }, 5_000).unref();
    },
  };
}
