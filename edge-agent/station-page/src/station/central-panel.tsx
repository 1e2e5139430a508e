import { serverNow } from "screens";
import { Icon } from "../ui/icon";
import { Panel } from "../ui/panel";
import { useStation } from "./station";

/** What the connection to central is like, for whoever asks. */
export function CentralPanel() {
  const { view, texts, formats } = useStation();
  const { reachable, since, reason, waiting_events, last_sync_at } = view.central;
  const now = serverNow();
  return (
    <Panel title={texts.central_details}>
      <p className="flex items-center gap-3 text-lg">
        <Icon name={reachable ? "linked" : "unlinked"} className="size-8" />
        <span>
          <strong>{reachable ? texts.central_reachable : texts.central_offline(formats.time(since))}</strong>
          <br />
          {reachable ? texts.central_is_reachable : texts.central_is_offline}
        </span>
      </p>
      <ul className="mt-4 grid gap-2 text-ink-soft">
        <li>{texts.waiting_events(formats.number(waiting_events))}</li>
        {last_sync_at && <li>{texts.last_sync(formats.moment(last_sync_at, now))}</li>}
        {reason && <li className="wrap-anywhere">{reason}</li>}
      </ul>
    </Panel>
  );
}
