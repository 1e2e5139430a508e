import { useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { ForeignText, momentText } from "screens";
import type { Fact } from "../../../api/types.ts";
import { Button } from "../../../parts/button.tsx";
import { DownIcon, RightIcon } from "../../../parts/icons.tsx";
import { Kept, NotRefreshed } from "../../../parts/listing.tsx";
import { More } from "../../../parts/more.tsx";
import { Badge, ErrorNotice, Loading } from "../../../parts/notices.tsx";
import { Table } from "../../../parts/table.tsx";
import type { ViewProps } from "../machine-page.tsx";
import { eventsQuery } from "../queries.ts";
import { type FactKind, factDetails, factText, KIND_WORDS } from "./fact-words.ts";

const KINDS = Object.keys(KIND_WORDS) as FactKind[];
const ALL = "all";
/** Times that may be off by more than a little. */
const DOUBTFUL = ["unverified", "wrong", "restamped"];

const keyOf = (fact: Fact): string =>
  `${fact.agent} ${fact.epoch ?? ""} ${fact.seq ?? ""} ${fact.at} ${fact.kind} ${fact.kind === "count" ? fact.quality : ""}`;

/** Every event as it was recorded: each number of the page can be followed down to here. */
export function EventsView({ id, range, time_zone }: ViewProps) {
  const search = useSearch({ from: "/shell/machines/$machine" });
  const navigate = useNavigate();
  const kind = KINDS.find((one) => one === search.kind);
  const [opened, setOpened] = useState<string>();
  const events = useInfiniteQuery(eventsQuery(id, range, kind));
  if (events.isPending) return <Loading rows={10} />;
  if (events.isLoadingError) return <ErrorNotice error={events.error} onRetry={() => void events.refetch()} />;
  return (
    <Kept query={events}>
      <NotRefreshed query={events} />
      <label className="flex w-fit items-center gap-2 text-sm">
        Kind
        <select
          value={kind ?? ALL}
          onChange={(event) => {
            const chosen = event.target.value === ALL ? undefined : event.target.value;
            void navigate({
              to: ".",
              search: (before) => ({ ...before, kind: chosen }),
              replace: true,
              resetScroll: false,
            });
          }}
          className="min-h-9 rounded-control border border-edge bg-raised px-2"
        >
          <option value={ALL}>All</option>
          {KINDS.map((one) => (
            <option key={one} value={one}>
              {KIND_WORDS[one]}
            </option>
          ))}
        </select>
      </label>
      <Table
        caption="Events, newest first"
        rows={events.data.pages.flatMap((page) => page.events)}
        rowKey={keyOf}
        empty="Nothing of this kind was recorded in this time."
        below={(fact) => (keyOf(fact) === opened ? <Details fact={fact} /> : null)}
        columns={[
          {
            key: "open",
            title: <span className="sr-only">Details</span>,
            cell: (fact) => {
              const open = keyOf(fact) === opened;
              return (
                <Button
                  small
                  look="quiet"
                  aria-expanded={open}
                  aria-label={`Details of the event at ${momentText(fact.at, "timeToMillisecond", time_zone)}`}
                  onClick={() => setOpened(open ? undefined : keyOf(fact))}
                  className="-my-1 px-1"
                >
                  {open ? <DownIcon /> : <RightIcon />}
                </Button>
              );
            },
          },
          {
            key: "at",
            title: "At",
            cell: (fact) => (
              <span className="whitespace-nowrap">
                <span className="text-ink-soft max-sm:hidden">{momentText(fact.at, "day", time_zone)} </span>
                {momentText(fact.at, "timeToMillisecond", time_zone)}
              </span>
            ),
          },
          { key: "kind", title: "Kind", cell: (fact) => KIND_WORDS[fact.kind] },
          {
            key: "what",
            title: "What",
            className: "w-full",
            cell: (fact) => (
              <>
                <ForeignText max={120}>{factText(fact)}</ForeignText>{" "}
                {DOUBTFUL.includes(fact.clock) && <Badge kind="unknown">clock {fact.clock}</Badge>}
              </>
            ),
          },
          {
            key: "raw",
            title: "Counter",
            number: true,
            wideOnly: true,
            cell: (fact) => (fact.kind === "count" && fact.raw != null ? String(fact.raw) : ""),
          },
        ]}
      />
      <More query={events} />
    </Kept>
  );
}

function Details({ fact }: { fact: Fact }) {
  return (
    <dl className="grid grid-cols-[max-content_1fr] gap-x-4 gap-y-0.5 font-mono text-xs">
      {factDetails(fact).map(([name, value]) => (
        <div key={name} className="contents">
          <dt className="text-ink-soft">{name}</dt>
          <dd className="min-w-0">
            <ForeignText max={400}>{value}</ForeignText>
          </dd>
        </div>
      ))}
    </dl>
  );
}
