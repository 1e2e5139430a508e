import { type FormEvent, useEffect, useId, useRef, useState } from "react";
import { ForeignName } from "screens";
import { newId } from "../agent/agent";
import { refusalText } from "../entries/feedback";
import { useStation } from "../station/station";
import { Button } from "../ui/button";
import { Icon } from "../ui/icon";
import { NumberPad } from "../ui/number-pad";
import { Panel } from "../ui/panel";

type Field = "number" | "pin";

const MAXIMUM_LENGTH = { number: 20, pin: 12 };

/** By badge, or by number and PIN. `asksWho`: any of those who are logged on may answer, also when one of them is active. */
export function LogOnPanel({ goesOn, asksWho }: { goesOn: boolean; asksWho: boolean }) {
  const { view, texts, formats, operator, submit, withdraw, loggedOn } = useStation();
  const [values, setValues] = useState({ number: "", pin: "" });
  const [field, setField] = useState<Field>("number");
  const [problem, setProblem] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const underWay = useRef<string | null>(null);
  const pin = useRef<HTMLInputElement>(null);
  const number = useRef<HTMLInputElement>(null);
  // A PIN is not kept for later: who leaves, takes it along.
  const giveUp = useRef(withdraw);
  giveUp.current = withdraw;
  useEffect(() => () => void (underWay.current && giveUp.current(underWay.current)), []);

  const set = (field: Field, value: string) => {
    setProblem(null);
    setValues((values) => ({ ...values, [field]: value }));
  };
  const send = async (event: FormEvent) => {
    event.preventDefault();
    if (isBusy) return;
    if (!values.number) return number.current?.focus();
    if (!values.pin) return pin.current?.focus();
    const body = { id: newId(), ...values };
    underWay.current = `log-on ${body.id}`;
    setBusy(true);
    const outcome = await submit("log-on", body, texts.labels.log_on(values.number));
    underWay.current = null;
    setBusy(false);
    if (outcome.is === "stored") loggedOn(values.number);
    if (outcome.is !== "refused") return;
    setProblem(refusalText(outcome.refusal, texts, formats));
    setValues(({ number }) => ({ number, pin: "" }));
    pin.current?.focus();
  };
  const others = goesOn && (operator === null || asksWho) ? view.operators : [];
  return (
    <Panel title={texts.log_on} wide>
      {goesOn && others.length === 0 && <p className="mb-4 text-lg short:mb-2">{texts.log_on_first}</p>}
      {others.length > 0 && (
        <section aria-label={texts.who_works} className="mb-5 flex flex-wrap items-center gap-2">
          <h3 className="mr-2 w-full font-semibold text-lg">{texts.who_works}</h3>
          {others.map(({ number, name }) => (
            <Button key={number} large onClick={() => loggedOn(number)}>
              <Icon name="person" />
              <ForeignName max={30}>{name}</ForeignName>
            </Button>
          ))}
        </section>
      )}
      {!view.ready_for_operators && (
        <p className="mb-4 flex items-center gap-3 rounded-card bg-warning-soft p-4 text-warning">
          <Icon name="warning" />
          {texts.not_ready}
        </p>
      )}
      <div className="grid gap-5 md:grid-cols-[1fr_1.4fr]">
        <section className="flex items-center gap-4 rounded-card bg-surface p-5 md:flex-col md:justify-center md:text-center">
          <Icon name="badge" className="size-14 md:size-24" />
          <p>
            <strong className="block text-xl">{texts.scan_badge}</strong>
            <span className="text-ink-soft">{texts.or_number}</span>
          </p>
        </section>
        <form onSubmit={send} className="grid gap-3">
          <div className="grid grid-cols-2 gap-3">
            <Value
              label={texts.number}
              input={number}
              isFirst
              value={values.number}
              onFocus={() => setField("number")}
              onChange={(value) => set("number", value.slice(0, MAXIMUM_LENGTH.number))}
            />
            <Value
              label={texts.pin}
              input={pin}
              isHidden
              value={values.pin}
              onFocus={() => setField("pin")}
              onChange={(value) => set("pin", value.slice(0, MAXIMUM_LENGTH.pin))}
            />
          </div>
          <p role="alert" className={problem ? "font-medium text-alarm" : "sr-only"}>
            {problem}
          </p>
          <NumberPad
            value={values[field]}
            onChange={(value) => set(field, value)}
            maximumLength={MAXIMUM_LENGTH[field]}
          />
          <Button type="submit" large look="primary" disabled={isBusy}>
            {isBusy ? texts.storing : field === "number" && !values.pin ? texts.pin : texts.log_on}
            <Icon name="forward" />
          </Button>
        </form>
      </div>
    </Panel>
  );
}

function Value({
  label,
  input,
  value,
  isHidden = false,
  isFirst = false,
  onFocus,
  onChange,
}: {
  label: string;
  input: React.RefObject<HTMLInputElement | null>;
  value: string;
  isHidden?: boolean;
  isFirst?: boolean;
  onFocus: () => void;
  onChange: (value: string) => void;
}) {
  const id = useId();
  return (
    <div>
      <label htmlFor={id} className="mb-1 block font-medium">
        {label}
      </label>
      {/* Not a password to the browser: it would offer to save it for the next operator. */}
      <input
        id={id}
        ref={input}
        type="text"
        inputMode="none"
        autoComplete="off"
        autoCapitalize="off"
        spellCheck={false}
        data-first={isFirst || undefined}
        value={value}
        onFocus={onFocus}
        onChange={(event) => onChange(event.target.value)}
        className={`min-h-16 w-full rounded-card border-2 border-edge bg-raised px-4 text-2xl tabular-nums focus:border-accent ${isHidden ? "[-webkit-text-security:disc]" : ""}`}
      />
    </div>
  );
}
