import type { Texts } from "../texts/en";
import { Icon } from "../ui/icon";

/** Until the agent has answered for the first time. */
export function Opening({ texts, fails }: { texts: Texts; fails: boolean }) {
  return (
    <main className="flex min-h-dvh items-center justify-center gap-4 p-6 text-xl" aria-busy="true">
      <Icon name="wait" className="size-8 text-ink-soft" />
      <h1 role="status">{fails ? texts.loading_fails : texts.loading}</h1>
    </main>
  );
}
