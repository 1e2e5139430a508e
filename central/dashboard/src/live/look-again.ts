/**
 * What follows from "look again": what a topic is about is asked again, once and once more if it changed meanwhile. What
 * is on its way is never cut off by the next change: over a slow network nothing would ever arrive.
 */
export const PAUSE_MS = 1_000;

export class LookAgain<Topic extends string> {
  /** Topics that are being asked about, and whether they changed since. */
  private readonly under_way = new Map<Topic, boolean>();

  constructor(
    private readonly ask: (topic: Topic) => Promise<unknown>,
    private readonly pause: (ms: number) => Promise<void>,
  ) {}

  changed(topic: Topic): void {
    const asks = this.under_way.has(topic);
    this.under_way.set(topic, asks);
    if (!asks) void this.askUntilUnchanged(topic);
  }

  private async askUntilUnchanged(topic: Topic): Promise<void> {
    do {
      this.under_way.set(topic, false);
      await this.ask(topic).catch(() => undefined);
      await this.pause(PAUSE_MS);
    } while (this.under_way.get(topic));
    this.under_way.delete(topic);
  }
}
