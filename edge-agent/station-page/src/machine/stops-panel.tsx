import { durationText, ForeignName, serverNow } from "screens";
import type { Machine, Stop } from "../api";
import { useStation } from "../station/station";
import { Icon } from "../ui/icon";
import { Panel } from "../ui/panel";
import { AtCentral } from "./at-central";
import { isUnexplained, titleOf } from "./stops";

/** The stops of the last day; those without a reason stand out. */
export function StopsPanel({ machine }: { machine: Machine }) {
  const { texts } = useStation();
  return (
    <Panel title={texts.stops} wide>
      {machine.stops.length === 0 && <p className="text-lg">{texts.no_stops}</p>}
      <ul className="grid gap-2">
        {machine.stops.map((stop) => (
          <li key={stop.stop}>
            <Row machine={machine} stop={stop} />
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function Row({ machine, stop }: { machine: Machine; stop: Stop }) {
  const { view, texts, open } = useStation();
  const missing = isUnexplained(stop);
  const title = titleOf(view.reasons.downtime, stop);
  return (
    <button
      type="button"
      onClick={() => open({ is: "stop", machine: machine.name, stop: stop.stop })}
      className={`flex min-h-16 w-full items-center gap-4 rounded-card border-2 px-4 py-2 text-left active:bg-trough ${missing ? "border-warning bg-warning-soft" : "border-line bg-raised"}`}
    >
      <span className="min-w-0 flex-1">
        <strong className={`flex items-center gap-2 text-lg ${missing ? "text-warning" : ""}`}>
          {missing && <Icon name="warning" />}
          {title === null ? texts.no_reason : <ForeignName max={60}>{title}</ForeignName>}
        </strong>
        <AtCentral stop={stop} />
        {stop.note && (
          <span className="block text-ink-soft">
            <ForeignName max={120}>{stop.note}</ForeignName>
          </span>
        )}
      </span>
      <StopTimes stop={stop} />
      <Icon name="forward" />
    </button>
  );
}

/** From when to when, and how long. */
export function StopTimes({ stop }: { stop: Stop }) {
  const { texts, formats } = useStation();
  const end = stop.ended_at === null ? serverNow() : Date.parse(stop.ended_at);
  return (
    <span className="text-right">
      <span className="block font-medium text-lg">{durationText(end - Date.parse(stop.began_at))}</span>
      <span className="block whitespace-nowrap text-ink-soft">
        {formats.moment(stop.began_at, serverNow())} – {stop.ended_at ? formats.time(stop.ended_at) : texts.until_now}
      </span>
    </span>
  );
}
