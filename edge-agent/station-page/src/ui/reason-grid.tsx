import { ForeignName } from "screens";
import type { Reason } from "../api";
import { useStation } from "../station/station";
import { Button } from "./button";
import { Icon } from "./icon";

/** All reasons at one glance, one tap each, by title in the operator's language. Stops tell planned from unplanned. */
export function ReasonGrid({
  reasons,
  chosen,
  onChoose,
  grouped,
}: {
  reasons: Reason[];
  chosen: string | null;
  onChoose: (reason: Reason) => void;
  grouped: boolean;
}) {
  const { texts } = useStation();
  if (reasons.length === 0) return <p className="text-ink-soft">{texts.no_reasons_known}</p>;
  const sorted = [...reasons].sort((a, b) => a.title.localeCompare(b.title, texts.locale));
  const groups = grouped
    ? [
        { title: texts.unplanned, reasons: sorted.filter(({ planned }) => !planned) },
        { title: texts.planned, reasons: sorted.filter(({ planned }) => planned) },
      ].filter(({ reasons }) => reasons.length > 0)
    : [{ title: null, reasons: sorted }];
  return (
    <div className="grid gap-4">
      {groups.map(({ title, reasons }) => (
        <section key={title ?? ""} aria-label={title ?? texts.reason}>
          {title && <h3 className="mb-2 font-semibold text-base">{title}</h3>}
          <div className="grid grid-cols-[repeat(auto-fill,minmax(9.5rem,1fr))] short:grid-cols-[repeat(auto-fill,minmax(8.5rem,1fr))] gap-2">
            {reasons.map((reason) => (
              <Button
                key={reason.code}
                large
                look={chosen === reason.code ? "primary" : "plain"}
                aria-pressed={chosen === reason.code}
                className="px-2! short:text-base!"
                onClick={() => onChoose(reason)}
              >
                {chosen === reason.code && <Icon name="check" className="size-5" />}
                <span className="min-w-0 hyphens-auto wrap-anywhere">
                  <ForeignName max={60}>{reason.title}</ForeignName>
                </span>
              </Button>
            ))}
          </div>
        </section>
      ))}
    </div>
  );
}
