import { visibleText } from "screens";
import { useStation } from "../station/station";
import { Icon } from "../ui/icon";
import { AtCentral, NotStored } from "./entry-marks";
import { entryText } from "./entry-text";

/** The last entry and how far it has come; opens the list of all. */
export function EntryBar() {
  const { view, texts, waiting, open } = useStation();
  const unsent = waiting.at(-1);
  const last = view.entries[0];
  const text = unsent?.label ?? (last ? entryText(last, view.reasons.pieces, texts) : "");
  return (
    <footer className="sticky bottom-0 z-10 border-line border-t bg-surface">
      <button
        type="button"
        onClick={() => open({ is: "entries" })}
        className="-outline-offset-4 flex min-h-14 w-full items-center gap-3 px-4 text-left"
      >
        <Icon name="list" />
        <span className="font-medium">{texts.entries}</span>
        <span className="min-w-0 flex-1 truncate text-ink-soft">
          <bdi>{visibleText(text)}</bdi>
        </span>
        {unsent ? <NotStored /> : last ? <AtCentral entry={last} /> : null}
        <Icon name="forward" />
      </button>
    </footer>
  );
}
