import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { PROGRAMS } from "../preconditions.ts";

const READY_WITHIN_MS = 120_000;

export interface Addresses {
  central: string;
  station: string;
}

type Direction =
  | { do: "machine"; name: string; state?: string; total?: number }
  | { do: "scan"; code: string }
  | { do: "cut_network" | "mend_network" | "kill_central" | "resume_central" | "kill_agent" | "resume_agent" }
  | { do: "central"; arguments: string[] }
  | { do: "rows"; sql: string }
  | { do: "log"; of: "central" | "agent" }
  | ({ do: "enrol_extra"; called: string } & ExtraAgent)
  | { do: "copy_extra"; called: string; of: string }
  | { do: "run_extra" | "stop_extra"; called: string }
  | { do: "replay_extra"; called: string; rows: string; sync: boolean }
  | { do: "send_frame"; called: string; frame: number[] }
  | { do: "receive_webhooks"; statuses: number[] };

/** An agent that only some scenes need; its plant is made if there is none of this name. */
export interface ExtraAgent {
  name: string;
  plant: string;
  time_zone: string;
  /** Everything of its configuration but where it is. */
  sections: string;
}

interface Told {
  id?: number;
  answer?: unknown;
  error?: string;
  ready?: Addresses;
}

/** A running plant; see `tests/src/stage`. It ends with the process that directs it. */
export class Stage {
  readonly addresses: Addresses;
  private readonly process: ChildProcess;
  private readonly waiting = new Map<number, (told: Told) => void>();
  private directions = 0;

  private constructor(process: ChildProcess, addresses: Addresses) {
    this.process = process;
    this.addresses = addresses;
  }

  static async set(): Promise<Stage> {
    const process = spawn(`${PROGRAMS}/stage`, { stdio: ["pipe", "pipe", "inherit"] });
    const lines = createInterface({ input: process.stdout });
    return await new Promise<Stage>((resolve, reject) => {
      let stage: Stage | undefined;
      const tooLate = setTimeout(() => reject(new Error("the stage is not ready in two minutes")), READY_WITHIN_MS);
      process.once("exit", (code) => {
        clearTimeout(tooLate);
        const ended: Told = { error: `the stage ended with ${code}` };
        reject(new Error(ended.error));
        for (const answer of stage?.waiting.values() ?? []) answer(ended);
      });
      lines.on("line", (line) => {
        const told = JSON.parse(line) as Told;
        if (told.ready) {
          clearTimeout(tooLate);
          stage = new Stage(process, told.ready);
          resolve(stage);
        } else if (told.id !== undefined) {
          stage?.waiting.get(told.id)?.(told);
          stage?.waiting.delete(told.id);
        }
      });
    });
  }

  async direct(direction: Direction): Promise<unknown> {
    this.directions += 1;
    const id = this.directions;
    const told = await new Promise<Told>((resolve) => {
      this.waiting.set(id, resolve);
      this.process.stdin?.write(`${JSON.stringify({ id, ...direction })}\n`);
    });
    if (told.error !== undefined) throw new Error(`${direction.do}: ${told.error}`);
    return told.answer;
  }

  /** A machine shows another state or counter reading; what is left out stays. */
  async machine(name: string, shows: { state?: string; total?: number }): Promise<void> {
    await this.direct({ do: "machine", name, ...shows });
  }

  /** A scanner that the agent reads by itself; done when the code is stored. */
  async scan(code: string): Promise<void> {
    await this.direct({ do: "scan", code });
  }

  /** Runs `central …`. */
  async central(...args: string[]): Promise<string> {
    return (await this.direct({ do: "central", arguments: args })) as string;
  }

  /** What the database holds. */
  async rows<Row = Record<string, unknown>>(sql: string): Promise<Row[]> {
    return (await this.direct({ do: "rows", sql })) as Row[];
  }

  /** What the programs wrote while they ran: for a test that failed. */
  async logs(): Promise<string> {
    const logs = await Promise.all((["central", "agent"] as const).map((of) => this.direct({ do: "log", of })));
    return logs.map((log) => String(log)).join("\n\n");
  }

  async strike(): Promise<void> {
    if (this.process.exitCode !== null) return;
    const ended = new Promise<void>((resolve) => this.process.once("exit", () => resolve()));
    this.process.stdin?.end();
    await ended;
  }
}
