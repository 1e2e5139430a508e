import { useState } from "react";
import { ForeignText } from "screens";
import { OperatorChips } from "../operators/operator-chips";
import { isSoundOn, play, setSoundOn } from "../sound";
import { Button } from "../ui/button";
import { Icon } from "../ui/icon";
import { useStation } from "./station";
import { chooseTheme, currentTheme } from "./theme";

export function Header() {
  const { view, agent, texts, open } = useStation();
  return (
    <header className="border-line border-b bg-surface">
      <div className="flex flex-wrap items-center gap-x-4 gap-y-1 px-3 py-2 sm:px-4">
        <h1 className="min-w-0 font-semibold text-lg leading-tight max-lg:flex-1 max-lg:basis-24 sm:text-xl">
          <ForeignText max={40}>{view.station}</ForeignText>
        </h1>
        <div className="order-last w-full lg:order-none lg:w-auto lg:flex-1">
          <OperatorChips />
        </div>
        <div className="ml-auto flex items-center gap-1">
          {agent.answers && view.central.reachable && (
            <Button look="quiet" className="px-3" onClick={() => open({ is: "central" })}>
              <Icon name="linked" />
              <span className="max-sm:sr-only">{texts.central_reachable}</span>
            </Button>
          )}
          <Switches />
        </div>
      </div>
      <Offline />
      <AgentLost />
    </header>
  );
}

function Offline() {
  const { view, agent, texts, formats, open } = useStation();
  const { reachable, since, waiting_events } = view.central;
  return (
    <div role="status">
      {agent.answers && !reachable && (
        <button
          type="button"
          onClick={() => open({ is: "central" })}
          className="flex min-h-12 w-full items-center gap-3 bg-warning-soft px-4 py-1 text-left font-medium text-warning"
        >
          <Icon name="unlinked" />
          <span className="flex-1">{texts.central_offline(formats.time(since))}</span>
          <span className="whitespace-nowrap">{texts.central_waiting(formats.number(waiting_events))}</span>
          <Icon name="forward" />
        </button>
      )}
    </div>
  );
}

function AgentLost() {
  const { agent, texts, formats } = useStation();
  return (
    <div role="alert">
      {!agent.answers && (
        <p className="flex min-h-14 items-center gap-3 bg-alarm-fill px-4 py-2 text-on-alarm">
          <Icon name="warning" className="size-7" />
          <span>
            <strong className="block">{texts.station_lost(formats.time(agent.since))}</strong>
            {texts.station_lost_hint}
          </span>
        </p>
      )}
    </div>
  );
}

/** Sound, language, light: how this screen behaves, not what it shows. */
function Switches() {
  const { texts, language, setLanguage } = useStation();
  const [isOn, setOn] = useState(isSoundOn);
  const [theme, setTheme] = useState(currentTheme);
  const other = language === "en" ? "de" : "en";
  return (
    <>
      <Button
        look="quiet"
        className="min-w-12 px-2"
        aria-label={isOn ? texts.sound_off : texts.sound_on}
        onClick={() => {
          setSoundOn(!isOn);
          setOn(!isOn);
          if (!isOn) play("stored");
        }}
      >
        <Icon name={isOn ? "sound" : "soundOff"} />
      </Button>
      <Button
        look="quiet"
        className="min-w-12 px-2 font-semibold"
        lang={other}
        aria-label={texts.other_language}
        onClick={() => setLanguage(other)}
      >
        {other.toUpperCase()}
      </Button>
      <Button
        look="quiet"
        className="min-w-12 px-2"
        aria-label={theme === "light" ? texts.theme_dark : texts.theme_light}
        onClick={() => {
          const next = theme === "light" ? "dark" : "light";
          chooseTheme(next);
          setTheme(next);
        }}
      >
        <Icon name={theme === "light" ? "moon" : "sun"} />
      </Button>
    </>
  );
}
