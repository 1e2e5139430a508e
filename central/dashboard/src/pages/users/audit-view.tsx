import { useInfiniteQuery } from "@tanstack/react-query";
import { useNavigate, useSearch } from "@tanstack/react-router";
import { useState } from "react";
import { ForeignText, momentText } from "screens";
import type { Schema } from "../../api/types.ts";
import { Button } from "../../parts/button.tsx";
import { TextField } from "../../parts/field.tsx";
import { Listed } from "../../parts/listing.tsx";
import { Badge } from "../../parts/notices.tsx";
import { SearchField } from "../../parts/search-field.tsx";
import { Table } from "../../parts/table.tsx";
import { auditQuery, LOCAL_ZONE } from "./requests.ts";
import { changedFields } from "./words.ts";

type Entry = Schema<"AuditEntry">;

/** Who changed what and when. Nothing here can be changed or taken away. */
export function AuditView() {
  const { from, to, actor, action, plant } = useSearch({ from: "/shell/users" });
  const navigate = useNavigate();
  const [opened, setOpened] = useState<number | null>(null);
  const entries = useInfiniteQuery(auditQuery({ from, to, actor, action, plant }));
  const go = (change: {
    from?: string | undefined;
    to?: string | undefined;
    actor?: string | undefined;
    action?: string | undefined;
  }) => void navigate({ to: ".", search: (before) => ({ ...before, ...change }), replace: true });
  const filtered = [from, to, actor, action].some((one) => one !== undefined);
  return (
    <>
      <div className="flex flex-wrap items-end gap-3">
        <SearchField
          label="By whom, exactly"
          value={actor ?? ""}
          onSearch={(text) => go({ actor: text || undefined })}
        />
        <SearchField
          label="What, as user.create"
          value={action ?? ""}
          onSearch={(text) => go({ action: text || undefined })}
        />
        <div className="w-40">
          <TextField
            label="From"
            type="date"
            value={from ?? ""}
            max={to}
            onChange={(event) => go({ from: event.target.value || undefined })}
          />
        </div>
        <div className="w-40">
          <TextField
            label="To, inclusive"
            type="date"
            value={to ?? ""}
            min={from}
            onChange={(event) => go({ to: event.target.value || undefined })}
          />
        </div>
        {filtered && (
          <Button
            look="quiet"
            onClick={() => go({ from: undefined, to: undefined, actor: undefined, action: undefined })}
          >
            Show all
          </Button>
        )}
      </div>
      <p className="text-ink-soft text-sm">Days and times by this computer's clock ({LOCAL_ZONE}).</p>
      <Listed query={entries} rowsOf={(page) => page.entries}>
        {(rows) => (
          <Table
            caption="Audit log, newest first"
            rows={rows}
            rowKey={(entry) => entry.id}
            empty={filtered ? "Nothing like that was done." : "Nothing was done yet."}
            below={(entry) => (entry.id === opened ? <Detail entry={entry} /> : null)}
            columns={[
              {
                key: "at",
                title: "At",
                cell: (entry) => <span className="whitespace-nowrap">{momentText(entry.at, "dayAndTime")}</span>,
              },
              {
                key: "actor",
                title: "Who",
                className: "min-w-24",
                cell: (entry) => (
                  <span className="flex flex-col">
                    <ForeignText max={40}>{entry.actor_name ?? entry.actor}</ForeignText>
                    <span className="text-ink-soft text-xs md:whitespace-nowrap">
                      {entry.actor_kind}
                      {entry.actor_name && (
                        <>
                          {" "}
                          <ForeignText max={40}>{entry.actor}</ForeignText>
                        </>
                      )}
                      {entry.address && (
                        <>
                          {" "}
                          from <ForeignText max={45}>{entry.address}</ForeignText>
                        </>
                      )}
                    </span>
                  </span>
                ),
              },
              { key: "action", title: "Did", cell: (entry) => <Badge>{entry.action}</Badge> },
              {
                key: "subject",
                title: "To",
                className: "w-full min-w-40",
                cell: (entry) => <ForeignText max={80}>{entry.subject_id}</ForeignText>,
              },
              {
                key: "detail",
                title: <span className="sr-only">What changed</span>,
                cell: (entry) => (
                  <Button
                    small
                    look="quiet"
                    aria-expanded={entry.id === opened}
                    aria-label={`What changed: ${entry.action} of ${entry.subject_id}`}
                    onClick={() => setOpened(entry.id === opened ? null : entry.id)}
                  >
                    {entry.id === opened ? "Close" : "Details"}
                  </Button>
                ),
              },
            ]}
          />
        )}
      </Listed>
    </>
  );
}

function Detail({ entry }: { entry: Entry }) {
  const changes = changedFields(entry.detail);
  if (changes === null) {
    return (
      <pre className="wrap-anywhere whitespace-pre-wrap font-mono text-xs">
        <ForeignText max={4_000}>{JSON.stringify(entry.detail)}</ForeignText>
      </pre>
    );
  }
  if (changes.length === 0) return <p className="text-sm">Nothing that can be seen changed.</p>;
  return (
    <dl className="grid grid-cols-[max-content_1fr] gap-x-4 gap-y-1 text-sm">
      {changes.map((change) => (
        <div key={change.field} className="contents">
          <dt className="text-ink-soft">{change.field}</dt>
          <dd>
            <ForeignText max={300}>{change.before}</ForeignText> → <ForeignText max={300}>{change.after}</ForeignText>
          </dd>
        </div>
      ))}
    </dl>
  );
}
