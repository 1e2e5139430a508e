/**
 * The one stream of events of this page. The browser resumes it by `Last-Event-ID`; what the browser does not do is
 * done here: notice that a stream fell silent (a sleeping tab, a pulled cable), open it anew, and say since when; close
 * it while nobody looks.
 */
import { setServerTime } from "screens/clock.ts";
import { isScreen } from "../session/screen-token.ts";
import { applyEvent, type BoardEvent, type Machines, NO_MACHINES } from "./board.ts";
import { type EventStream, TokenStream } from "./token-stream.ts";

const ADDRESS = "/api/v1/live";

/** Two heartbeats missed, and a little: what is shown is then old. */
export const SILENT_AFTER_MS = 25_000;
/** After a look away, a stream that is silent longer than one heartbeat is not waited for. */
const DOUBTED_AFTER_MS = 12_000;
/** A tab that nobody looks at leaves its connection to others: a browser has six to a server, whatever it has open. */
const RESTS_AFTER_HIDDEN_MS = 30_000;
const RETRY_MS = [500, 1_000, 2_000, 5_000, 10_000];

export type Topic = "agents" | "work" | "master_data" | "stops";

export interface FeedState {
  machines: Machines;
  /** Whether a board has come since the page was opened. */
  loaded: boolean;
  connection: "closed" | "connecting" | "live" | "interrupted";
  /** This computer's time of the last word from the server. */
  heard_at_ms: number | null;
}

class Feed {
  private state: FeedState = { machines: NO_MACHINES, loaded: false, connection: "closed", heard_at_ms: null };
  private readonly watchers = new Set<() => void>();
  private readonly topicWatchers = new Set<(topics: Topic[]) => void>();
  private source: EventStream | undefined;
  private watchdog: ReturnType<typeof setInterval> | undefined;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private rest: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;
  /** Called when the server refuses the stream: perhaps nobody is logged on any more. */
  onRefused: () => void = () => undefined;
  /** Called when words may have been missed: those from before a stream opened, and those that a whole board stands for. */
  onMissed: () => void = () => undefined;

  readonly subscribe = (watcher: () => void): (() => void) => {
    this.watchers.add(watcher);
    return () => this.watchers.delete(watcher);
  };

  readonly current = (): FeedState => this.state;

  onChanged(watcher: (topics: Topic[]) => void): void {
    this.topicWatchers.add(watcher);
  }

  open(): void {
    if (this.source) return;
    if (this.watchdog === undefined) {
      this.watchdog = setInterval(() => this.check(SILENT_AFTER_MS), 2_000);
      document.addEventListener("visibilitychange", this.onLook);
      window.addEventListener("online", this.onLook);
      window.addEventListener("offline", this.onOffline);
      window.addEventListener("pageshow", this.onLook);
    }
    this.connect();
    this.onLook();
  }

  /** Forgets everything: nobody is logged on. */
  close(): void {
    clearInterval(this.watchdog);
    clearTimeout(this.retry);
    clearTimeout(this.rest);
    this.watchdog = undefined;
    document.removeEventListener("visibilitychange", this.onLook);
    window.removeEventListener("online", this.onLook);
    window.removeEventListener("offline", this.onOffline);
    window.removeEventListener("pageshow", this.onLook);
    this.source?.close();
    this.source = undefined;
    this.failures = 0;
    this.update({ machines: NO_MACHINES, loaded: false, connection: "closed", heard_at_ms: null });
  }

  private connect(): void {
    clearTimeout(this.retry);
    this.source?.close();
    const source: EventStream = isScreen() ? new TokenStream(ADDRESS) : new EventSource(ADDRESS);
    this.source = source;
    if (this.state.connection === "closed") this.update({ connection: "connecting" });
    // The board that a stream begins with stands for nothing that was said since it opened.
    let begins = true;
    for (const event of ["board", "machines", "removed", "heartbeat"] as const) {
      source.addEventListener(event, (message) => {
        // What an event carries is what its name says: the server's document promises it.
        this.take({ event, data: JSON.parse(message.data) } as BoardEvent);
        if (event === "board" && !begins) this.onMissed();
        begins = false;
      });
    }
    source.addEventListener("changed", (message) => {
      begins = false;
      this.heard();
      const { topics } = JSON.parse(message.data) as { topics: Topic[] };
      for (const watcher of this.topicWatchers) watcher(topics);
    });
    source.onopen = () => {
      begins = true;
      this.heard();
      this.onMissed();
    };
    source.onerror = () => this.failed(source);
  }

  private take(event: BoardEvent): void {
    if ("at" in event.data) setServerTime(event.data.at);
    const machines = applyEvent(this.state.machines, event);
    this.heard({ machines, loaded: this.state.loaded || event.event === "board" });
  }

  private heard(change: Partial<FeedState> = {}): void {
    this.failures = 0;
    this.update({ ...change, connection: "live", heard_at_ms: Date.now() });
  }

  private failed(source: EventStream): void {
    if (source !== this.source) return;
    this.update({ connection: "interrupted" });
    // The browser tries again by itself, unless the answer was no stream at all.
    if (source.readyState !== EventSource.CLOSED) return;
    this.onRefused();
    const pause_ms = RETRY_MS[Math.min(this.failures, RETRY_MS.length - 1)] ?? 10_000;
    this.failures += 1;
    clearTimeout(this.retry);
    this.retry = setTimeout(() => this.watchdog !== undefined && this.connect(), pause_ms * (0.75 + Math.random() / 2));
  }

  private check(limit_ms: number): void {
    const { connection, heard_at_ms } = this.state;
    if (connection !== "live" || heard_at_ms === null || Date.now() - heard_at_ms < limit_ms) return;
    this.update({ connection: "interrupted" });
    this.connect();
  }

  private readonly onLook = (): void => {
    clearTimeout(this.rest);
    if (document.visibilityState !== "visible") {
      this.rest = setTimeout(() => this.sleep(), RESTS_AFTER_HIDDEN_MS);
      return;
    }
    if (this.state.connection === "interrupted") this.connect();
    else this.check(DOUBTED_AFTER_MS);
  };

  /** Until somebody looks again. */
  private sleep(): void {
    clearTimeout(this.retry);
    this.source?.close();
    this.update({ connection: "interrupted" });
  }

  /** The computer's network went: whether that was the way to central shows at once, not after a silence. */
  private readonly onOffline = (): void => {
    if (document.visibilityState === "visible") this.connect();
  };

  private update(change: Partial<FeedState>): void {
    this.state = { ...this.state, ...change };
    for (const watcher of this.watchers) watcher();
  }
}

export const feed = new Feed();
