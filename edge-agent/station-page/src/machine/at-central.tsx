import { ForeignText, serverNow } from "screens";
import type { SaidAtCentral, Stop } from "../api";
import { useStation } from "../station/station";
import { reasonTitle } from "./stops";

/** Who said at central what is shown of a stop, and what was said here instead. Nothing when nobody did. */
export function AtCentral({ stop: { corrected, split_at_central } }: { stop: Stop }) {
  const { view, texts } = useStation();
  if (corrected === null && split_at_central === null) return null;
  return (
    <span className="block text-base">
      {split_at_central && <Said word={texts.split_at_central} said={split_at_central} />}
      {corrected && <Said word={texts.reason_from_central} said={corrected} />}
      {corrected?.said_here && (
        <span className="block">
          {texts.said_here}{" "}
          <ForeignText max={60}>{reasonTitle(view.reasons.downtime, corrected.said_here)}</ForeignText>
        </span>
      )}
    </span>
  );
}

function Said({ word, said: { by, at } }: { word: string; said: SaidAtCentral }) {
  const { formats } = useStation();
  return (
    <span className="block">
      {word} <ForeignText max={60}>{by}</ForeignText>, {formats.moment(at, serverNow())}
    </span>
  );
}
