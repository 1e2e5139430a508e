import type { Waiting } from "../agent/outbox";
import type { Entry } from "../api";
import { useStation } from "../station/station";
import { Icon } from "../ui/icon";

/** Stored here, and whether it has reached central. */
export function AtCentral({ entry }: { entry: Entry }) {
  const { texts } = useStation();
  return entry.at_central ? (
    <span className="flex items-center gap-2 whitespace-nowrap text-done">
      <Icon name="checks" />
      {texts.at_central}
    </span>
  ) : (
    <span className="flex items-center gap-2 whitespace-nowrap">
      <Icon name="check" className="size-5" />
      <span>
        {texts.stored}
        <span className="max-sm:sr-only"> · {texts.waiting_for_central}</span>
      </span>
    </span>
  );
}

/** Entries go one by one: behind one that was sent in vain, all of them wait. */
export const isHeldUp = (waiting: readonly Waiting[]): boolean => waiting.some(({ attempts }) => attempts > 0);

/** Under way to this computer, or kept back because it does not answer. */
export function NotStored() {
  const { texts, waiting } = useStation();
  const fails = isHeldUp(waiting);
  return (
    <span className={`flex items-center gap-2 whitespace-nowrap font-semibold ${fails ? "text-warning" : ""}`}>
      <Icon name={fails ? "warning" : "wait"} />
      {fails ? texts.not_stored_yet : texts.storing}
    </span>
  );
}
