import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { useMemo } from "react";
import { ForeignText, numberText, visibleText } from "screens";
import { useBoardLoaded, useMachines } from "../../live/use-board.ts";
import { Button, buttonClass } from "../../parts/button.tsx";
import { Choice } from "../../parts/field.tsx";
import { ScreenIcon } from "../../parts/icons.tsx";
import { Empty, Loading } from "../../parts/notices.tsx";
import { Page } from "../../parts/page.tsx";
import { type Filter, type Line, lines, lineTitle, NO_LINE, summary } from "./overview.ts";
import { SummaryStrip } from "./summary-strip.tsx";
import { MachineTile } from "./tile.tsx";

export function PlantNowPage() {
  const search = useSearch({ from: "/shell/" });
  const loaded = useBoardLoaded();
  const machines = useMachines();
  const ofPlant = useMemo(
    () => Array.from(machines.values()).filter((m) => search.plant === undefined || m.plant === search.plant),
    [machines, search.plant],
  );
  const all = useMemo(() => lines(ofPlant, {}), [ofPlant]);
  const shown = useMemo(() => lines(ofPlant, search), [ofPlant, search]);
  return (
    <Page
      title="Plant now"
      actions={
        <>
          <Filters lines={all} filter={search} />
          <Link
            to="/kiosk"
            search={{ plant: search.plant, line: search.line }}
            className={`${buttonClass({ small: true })} max-sm:hidden`}
          >
            <ScreenIcon /> Kiosk
          </Link>
        </>
      }
    >
      {!loaded ? (
        <Loading rows={3} height="h-52" />
      ) : (
        <div className="flex flex-col gap-6">
          {ofPlant.length > 0 && <SummaryStrip of={summary(ofPlant)} links />}
          {shown.map((line) => (
            <LineSection key={`${line.plant} ${line.name}`} line={line} title={lineTitle(line, all)} />
          ))}
          {shown.length === 0 && <Nothing filtered={ofPlant.length > 0} />}
        </div>
      )}
    </Page>
  );
}

function LineSection({ line, title }: { line: Line; title: string }) {
  return (
    <section aria-label={title}>
      <h2 className="mb-2 flex items-baseline gap-3">
        <span className="font-semibold">
          <ForeignText max={60}>{title}</ForeignText>
        </span>
        <span className="text-ink-soft text-sm">
          {numberText(line.running)} of {numberText(line.machines)} running
        </span>
      </h2>
      <div className="grid grid-cols-[repeat(auto-fill,minmax(min(100%,17.5rem),1fr))] gap-3">
        {line.ids.map((id) => (
          <MachineTile key={id} id={id} />
        ))}
      </div>
    </section>
  );
}

const EVERY_LINE = "every line";

function Filters({ lines: all, filter }: { lines: Line[]; filter: Filter }) {
  const navigate = useNavigate({ from: "/" });
  const change = (part: Filter) => navigate({ search: (before) => ({ ...before, ...part }), replace: true });
  const named = Array.from(new Map(all.map((line) => [line.name, line])).values());
  return (
    <>
      {named.length > 1 && (
        <label className="flex items-center gap-2 text-sm">
          <span className="sr-only">Line</span>
          <select
            value={filter.line ?? EVERY_LINE}
            onChange={(event) => change({ line: event.target.value === EVERY_LINE ? undefined : event.target.value })}
            className="min-h-9 max-w-56 rounded-control border border-edge bg-raised px-2"
          >
            <option value={EVERY_LINE}>All lines</option>
            {named.map((line) => (
              <option key={line.name} value={line.name}>
                {line.name === NO_LINE ? "Not in a line" : visibleText(line.title)}
              </option>
            ))}
          </select>
        </label>
      )}
      <Choice
        label="Which machines"
        value={filter.abnormal ? "abnormal" : "all"}
        options={[
          { value: "all", label: "All" },
          { value: "abnormal", label: "Needs attention" },
        ]}
        onChange={(value) => change({ abnormal: value === "abnormal" || undefined })}
      />
    </>
  );
}

function Nothing({ filtered }: { filtered: boolean }) {
  const navigate = useNavigate();
  const { plant } = useSearch({ from: "/shell/" });
  if (!filtered) {
    return (
      <Empty>
        <p className="font-semibold text-ink">There is no machine yet.</p>
        <p className="mt-1">
          Machines appear here as soon as an agent that was let in reports them: on central&rsquo;s computer,{" "}
          <code className="font-mono text-ink">central agent invite</code> makes its code.
        </p>
      </Empty>
    );
  }
  return (
    <Empty>
      <p className="font-semibold text-ink">Nothing needs attention here.</p>
      <p className="mt-1 mb-3">
        Every machine of this selection reports, none is stopped, and every stop has its reason.
      </p>
      <Button small onClick={() => navigate({ to: "/", search: { plant }, replace: true })}>
        Show all machines
      </Button>
    </Empty>
  );
}
