/** What a plant has before its machines turn: people, lines, orders, reasons. Made through central's command line and API. */
import { expect } from "@playwright/test";
import type { Stage } from "./stage.ts";

/** Where the stage's agent was enrolled. */
export const PLANT = "test-plant";

export const OPERATORS = {
  anna: { number: "17", name: "Anna Berger", badge: "BADGE-0017-AB", pin: "482613" },
  ben: { number: "18", name: "Ben Huber", badge: "BADGE-0018-BH", pin: "739150" },
} as const;

const LINES = { stamping: "Stamping", joining: "Welding and painting", packing: "Packing" };

export const TITLES = {
  "press-1": "Press 1, 160 t",
  "press-2": "Press 2, 160 t",
  "press-3": "Press 3, 250 t",
  "welder-1": "Welding cell 1",
  "welder-2": "Welding cell 2",
  "oven-1": "Paint oven",
  "packer-1": "Packer 1",
  "packer-2": "Packer 2",
} as const;

export type MachineName = keyof typeof TITLES;

const lineOf = (machine: MachineName): keyof typeof LINES =>
  machine.startsWith("press") ? "stamping" : machine.startsWith("packer") ? "packing" : "joining";

export const PRODUCTS = {
  bracket: { code: "P-100", title: "Mounting bracket, zinc", ideal_cycle_ms: 900 },
  hinge: { code: "P-200", title: "Door hinge, left", ideal_cycle_ms: 1_400 },
  frame: { code: "P-300", title: "Seat frame, welded", ideal_cycle_ms: 2_500 },
  box: { code: "P-900", title: "Hinge set, box of 24", ideal_cycle_ms: 3_000 },
} as const;

export const ORDERS = {
  brackets: { code: "WO-1001", product: PRODUCTS.bracket.code, quantity: 400 },
  hinges: { code: "WO-1002", product: PRODUCTS.hinge.code, quantity: 250 },
  frames: { code: "WO-1003", product: PRODUCTS.frame.code, quantity: 120 },
  boxes: { code: "WO-1004", product: PRODUCTS.box.code, quantity: 80 },
} as const;

const REASONS = [
  { code: "jam", title: "Material jam", applies_to: "downtime", planned: false },
  { code: "no-material", title: "No material", applies_to: "downtime", planned: false },
  { code: "tool", title: "Tool broken", applies_to: "downtime", planned: false },
  { code: "fault", title: "Machine fault", applies_to: "downtime", planned: false },
  { code: "cleaning", title: "Cleaning", applies_to: "downtime", planned: true },
  { code: "changeover", title: "Changeover", applies_to: "downtime", planned: true },
  { code: "burr", title: "Burr", applies_to: "pieces", planned: false },
  { code: "crack", title: "Crack", applies_to: "pieces", planned: false },
];

/** Central's API as a program sees it. */
export class Api {
  constructor(
    private readonly stage: Stage,
    private readonly secret: string,
  ) {}

  static async of(stage: Stage): Promise<Api> {
    const scopes = ["read", "stops:write", "master_data:write", "work:write", "agents:write", "users:write"];
    const made = await stage.central("token", "add", "scenarios", "--json", ...scopes.flatMap((it) => ["--scope", it]));
    return new Api(stage, (JSON.parse(made) as { secret: string }).secret);
  }

  async send(method: string, path: string, body?: object): Promise<Response> {
    return await fetch(`${this.stage.addresses.central}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${this.secret}`, "content-type": "application/json" },
      body: body ? JSON.stringify(body) : null,
    });
  }

  async ask<Answer>(method: string, path: string, body?: object): Promise<Answer> {
    const response = await this.send(method, path, body);
    const text = await response.text();
    expect(response.ok, `${method} ${path} is answered ${response.status}: ${text}`).toBe(true);
    return (text ? JSON.parse(text) : null) as Answer;
  }

  add = (what: string, body: object): Promise<unknown> => this.ask("POST", `/${what}`, { plant: PLANT, ...body });
}

interface MachineSettings {
  id: number;
  name: string;
  version: number;
}

export class Plant {
  private constructor(
    readonly api: Api,
    private readonly ids: ReadonlyMap<string, number>,
  ) {}

  /** The whole of the master data, at central and at the station. */
  static async furnish(stage: Stage): Promise<Plant> {
    const api = await Api.of(stage);
    for (const [name, title] of Object.entries(LINES)) await api.add("lines", { name, title });
    for (const product of Object.values(PRODUCTS)) await api.add("products", product);
    for (const order of Object.values(ORDERS)) await api.add("work-orders", order);
    for (const reason of REASONS) await api.add("reasons", reason);
    for (const operator of Object.values(OPERATORS)) await api.add("operators", operator);
    const { machine_settings } = await api.ask<{ machine_settings: MachineSettings[] }>("GET", "/machine-settings");
    const plant = new Plant(api, new Map(machine_settings.map(({ id, name }) => [name, id])));
    for (const [name, title] of Object.entries(TITLES)) await plant.setMachine(name as MachineName, title);
    return plant;
  }

  id(machine: MachineName): number {
    const id = this.ids.get(machine);
    if (id === undefined) throw new Error(`central has no machine ${machine}`);
    return id;
  }

  async setMachine(name: MachineName, title: string): Promise<void> {
    const path = `/machine-settings/${this.id(name)}`;
    const { version } = await this.api.ask<MachineSettings>("GET", path);
    await this.api.ask("PUT", path, { version, title, line: lineOf(name), microstop_below_ms: null });
  }
}
