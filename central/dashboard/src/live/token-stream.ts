/** The stream of events for a screen's token, which the browser's own `EventSource` cannot send. */
import { screenHeaders } from "../session/screen-token.ts";
import { EventText } from "./event-text.ts";

/** What the feed needs of an `EventSource`. */
export interface EventStream {
  readonly readyState: number;
  onopen: ((this: never, event: never) => void) | null;
  onerror: ((this: never, event: never) => void) | null;
  addEventListener(type: string, listener: (message: MessageEvent<string>) => void): void;
  close(): void;
}

/** Ends for good as soon as it is cut off: whoever follows it opens another. */
export class TokenStream implements EventStream {
  readyState: number = EventSource.CONNECTING;
  onopen: (() => void) | null = null;
  onerror: (() => void) | null = null;
  private readonly ended = new AbortController();
  private readonly listeners = new Map<string, (message: MessageEvent<string>) => void>();

  constructor(url: string) {
    void this.follow(url);
  }

  addEventListener(type: string, listener: (message: MessageEvent<string>) => void): void {
    this.listeners.set(type, listener);
  }

  close(): void {
    this.readyState = EventSource.CLOSED;
    this.ended.abort();
  }

  private async follow(url: string): Promise<void> {
    const headers = { accept: "text/event-stream", ...screenHeaders() };
    try {
      const answer = await fetch(url, { headers, signal: this.ended.signal });
      if (answer.ok && answer.body) await this.read(answer.body);
    } catch {
      // Cut off: as every end.
    }
    if (this.ended.signal.aborted) return;
    this.readyState = EventSource.CLOSED;
    this.onerror?.();
  }

  private async read(body: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    this.readyState = EventSource.OPEN;
    this.onopen?.();
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    const events = new EventText();
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      for (const { event, data } of events.push(part.value))
        this.listeners.get(event)?.(new MessageEvent(event, { data }));
    }
  }
}
