import { type FormEvent, useId, useState } from "react";
import { newId } from "../agent/agent";
import type { Machine } from "../api";
import { useStation } from "../station/station";
import { Button } from "../ui/button";
import { NumberPad } from "../ui/number-pad";
import { Panel } from "../ui/panel";
import { ReasonGrid } from "../ui/reason-grid";

const KINDS = ["good", "scrap", "rework"] as const;
type Kind = (typeof KINDS)[number];

/** The agent takes less than a hundred thousand at once: more is a slip of the finger. */
const MAXIMUM_LENGTH = 5;

/** Good, scrap and rework in one step. Where the machine counts, good pieces come last: they are the exception. */
export function PiecesPanel({ machine }: { machine: Machine }) {
  const { view, texts, close, submit, withOperator } = useStation();
  const kinds: readonly Kind[] = machine.counts_itself ? ["scrap", "rework", "good"] : KINDS;
  const [digits, setDigits] = useState<Record<Kind, string>>({ good: "", scrap: "", rework: "" });
  const [active, setActive] = useState<Kind>(machine.counts_itself ? "scrap" : "good");
  const [reason, setReason] = useState<string | null>(null);
  const { good, scrap, rework } = { good: +digits.good, scrap: +digits.scrap, rework: +digits.rework };
  const needsReason = scrap + rework > 0 && view.reasons.pieces.length > 0;
  const isComplete = good + scrap + rework > 0 && (!needsReason || reason !== null);
  const label = texts.labels.pieces(good, scrap, rework);

  const set = (kind: Kind, text: string) =>
    setDigits({ ...digits, [kind]: text.replace(/\D/g, "").replace(/^0+/, "").slice(0, MAXIMUM_LENGTH) });
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (!isComplete) return;
    withOperator((operator) => {
      const body = { id: newId(), operator, machine: machine.name, good, scrap, rework };
      void submit("pieces", { ...body, reason: needsReason ? reason : null }, label);
      close();
    });
  };
  const missing =
    good + scrap + rework === 0 ? texts.enter_pieces : needsReason && !reason ? texts.choose_reason : null;
  const form = useId();
  return (
    <Panel
      wide
      title={texts.report_pieces}
      footer={
        <Button type="submit" form={form} large look="primary" className="w-full text-xl" disabled={!isComplete}>
          {missing ?? texts.store(label)}
        </Button>
      }
    >
      <form id={form} onSubmit={send} className="grid gap-5 md:grid-cols-[minmax(0,1fr)_18rem]">
        <div className="grid content-start gap-4">
          <div className="grid grid-cols-[repeat(auto-fit,minmax(6rem,1fr))] items-end gap-3">
            {kinds.map((kind, index) => (
              <CountField
                key={kind}
                label={kind === "good" && machine.counts_itself ? texts.good_not_counted : texts[kind]}
                value={digits[kind]}
                isActive={kind === active}
                isFirst={index === 0}
                onFocus={() => setActive(kind)}
                onChange={(text) => set(kind, text)}
              />
            ))}
          </div>
          {machine.counts_itself && <p className="text-ink-soft">{texts.counts_itself}</p>}
          {needsReason && (
            <section aria-label={texts.pieces_reason}>
              <h3 className="mb-2 font-semibold text-lg">{texts.pieces_reason}</h3>
              <ReasonGrid
                grouped={false}
                reasons={view.reasons.pieces}
                chosen={reason}
                onChoose={({ code }) => setReason(code)}
              />
            </section>
          )}
        </div>
        <div className="md:col-start-2 md:row-start-1">
          <NumberPad value={digits[active]} onChange={(text) => set(active, text)} maximumLength={MAXIMUM_LENGTH} />
        </div>
      </form>
    </Panel>
  );
}

function CountField({
  label,
  value,
  isActive,
  isFirst,
  onFocus,
  onChange,
}: {
  label: string;
  value: string;
  isActive: boolean;
  isFirst: boolean;
  onFocus: () => void;
  onChange: (text: string) => void;
}) {
  const id = useId();
  return (
    <div>
      <label htmlFor={id} className="mb-1 block font-medium">
        {label}
      </label>
      <input
        id={id}
        type="text"
        inputMode="none"
        autoComplete="off"
        data-first={isFirst || undefined}
        placeholder="0"
        value={value}
        onFocus={onFocus}
        onChange={(event) => onChange(event.target.value)}
        className={`min-h-20 w-full rounded-card border-2 bg-raised px-3 text-right font-semibold text-4xl ${isActive ? "border-accent" : "border-edge"}`}
      />
    </div>
  );
}
