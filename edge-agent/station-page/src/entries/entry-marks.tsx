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

/** Under way to this computer, or kept back because it does not answer. */
export function NotStored({ waiting }: { waiting: Waiting }) {
  const { texts } = useStation();
  const fails = waiting.attempts > 0;
  return (
    <span className={`flex items-center gap-2 whitespace-nowrap font-semibold ${fails ? "text-warning" : ""}`}>
      <Icon name={fails ? "warning" : "wait"} />
      {fails ? texts.not_stored_yet : texts.storing}
    </span>
  );
}
