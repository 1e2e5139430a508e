/** Agents that only some scenes need, and what they read. */
import { expect } from "@playwright/test";
import type { Api } from "./plant.ts";
import type { ExtraAgent, Stage } from "./stage.ts";

/** One line of a recording. */
export const reading = (at: number, machine: string, signal: string, value: string | number): string =>
  `${new Date(at).toISOString()},${machine},${signal},${value}\n`;

/** A machine that counts pieces, tells its state and measures a temperature. */
export const machineSection = (name: string): string => `
[[machine]]
name = "${name}"
microstop_below_ms = 500

[machine.signal.count]
role = "delta"

[machine.signal.state]
role = "state"
map = { running = "running", stopped = "stopped" }

[machine.signal.temperature]
role = "measurement"
unit = "°C"
`;

/** The smallest log that an agent takes, which gives way to what is dearer almost at once. */
export const SMALL_LOG = `
[buffer]
bytes_max = 16_777_216
thin_above_percent = 1
refuse_above_percent = 2
`;

export class Extra {
  private constructor(
    private readonly stage: Stage,
    readonly called: string,
  ) {}

  static async enrol(stage: Stage, agent: ExtraAgent): Promise<Extra> {
    const extra = new Extra(stage, `${agent.plant}/${agent.name}`);
    await stage.direct({ do: "enrol_extra", called: extra.called, ...agent });
    return extra;
  }

  /** Another computer with a copy of its disk. */
  async copy(): Promise<Extra> {
    const copy = new Extra(this.stage, `a copy of ${this.called}`);
    await this.stage.direct({ do: "copy_extra", called: copy.called, of: this.called });
    return copy;
  }

  async run(): Promise<void> {
    await this.stage.direct({ do: "run_extra", called: this.called });
  }

  async stop(): Promise<void> {
    await this.stage.direct({ do: "stop_extra", called: this.called });
  }

  /** Until central has everything. */
  async replay(rows: string): Promise<void> {
    await this.stage.direct({ do: "replay_extra", called: this.called, rows, sync: true });
  }

  /** Until its log has everything: central hears of it when it runs. */
  async replayIntoItsLog(rows: string): Promise<void> {
    await this.stage.direct({ do: "replay_extra", called: this.called, rows, sync: false });
  }

  /** Sends central something under its key. */
  async send(frame: Uint8Array): Promise<{ status: number; body: string }> {
    return (await this.stage.direct({ do: "send_frame", called: this.called, frame: [...frame] })) as {
      status: number;
      body: string;
    };
  }
}

export interface AgentSeen {
  uuid: string;
  name: string;
  plant: string;
  started_at: string | null;
  log: { epoch: number; acknowledged: number };
  gaps: { count: number; lost: number };
  quarantined_events: number;
  divergence: object | null;
  decided_divergence: { resolved_by: string } | null;
}

/** How central sees an agent. */
export async function seen(api: Api, plant: string, name: string): Promise<AgentSeen> {
  const { agents } = await api.ask<{ agents: AgentSeen[] }>("GET", `/agents?plant=${plant}`);
  const found = agents.find((agent) => agent.name === name);
  expect(found, `central knows ${plant}/${name}`).toBeDefined();
  return found as AgentSeen;
}
