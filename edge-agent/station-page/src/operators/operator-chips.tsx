import { ForeignName } from "screens";
import { newId } from "../agent/agent";
import { useStation } from "../station/station";
import { Button } from "../ui/button";
import { Icon } from "../ui/icon";

/** Who is logged on; a tap says whose entries follow. */
export function OperatorChips() {
  const { view, texts, operator, chooseOperator, open, submit } = useStation();
  const nobody = view.operators.length === 0;
  return (
    <ul aria-label={texts.operators} className="flex flex-wrap items-center gap-2">
      {view.operators.map(({ number, name }) => {
        const isActive = number === operator;
        const colours = isActive ? "bg-ink text-canvas border-ink" : "bg-raised text-ink border-line";
        return (
          <li key={number} className={`flex items-stretch overflow-hidden rounded-full border-2 ${colours}`}>
            <button
              type="button"
              aria-pressed={isActive}
              aria-label={isActive ? undefined : texts.use_operator(name)}
              onClick={() => chooseOperator(number)}
              className={`flex min-h-12 min-w-12 items-center gap-2 rounded-full pl-4 font-medium ${isActive ? "pr-2" : "pr-4"}`}
            >
              <Icon name={isActive ? "check" : "person"} className="size-5" />
              <ForeignName max={28}>{name}</ForeignName>
            </button>
            {isActive && (
              <button
                type="button"
                aria-label={texts.log_off_name(name)}
                onClick={() => void submit("log-off", { id: newId(), operator: number }, texts.labels.log_off(name))}
                className="flex min-h-12 min-w-12 items-center justify-center rounded-full border-canvas/30 border-l-2 pr-1"
              >
                <Icon name="leave" className="size-5" />
              </button>
            )}
          </li>
        );
      })}
      <li>
        <Button
          look={nobody ? "primary" : "quiet"}
          className="rounded-full"
          onClick={() => open({ is: "log_on", afterwards: null })}
        >
          <Icon name="plus" className="size-5" />
          {texts.log_on}
        </Button>
      </li>
    </ul>
  );
}
