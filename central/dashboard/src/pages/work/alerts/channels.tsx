import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { ForeignText } from "screens";
import { answer, api } from "../../../api/client.ts";
import type { Schema } from "../../../api/types.ts";
import { Button } from "../../../parts/button.tsx";
import { Confirm } from "../../../parts/confirm.tsx";
import { Listed } from "../../../parts/listing.tsx";
import { Badge, ErrorNotice } from "../../../parts/notices.tsx";
import { Section } from "../../../parts/page.tsx";
import { ShownOnce } from "../../../parts/shown-once.tsx";
import { type Column, Table } from "../../../parts/table.tsx";
import { useMay } from "../../../session/session.ts";
import { channelsQuery } from "../queries.ts";
import { NewChannel } from "./new-channel.tsx";

type Channel = Schema<"Channel">;

/** Who is told of incidents: people by mail, programs by webhook. */
export function Channels({ plant }: { plant: string }) {
  const channels = useInfiniteQuery(channelsQuery(plant));
  const may = useMay("master_data:write");
  const [adding, setAdding] = useState(false);
  const [added, setAdded] = useState<{ address: string; secret: string } | null>(null);
  const columns: Column<Channel>[] = [
    {
      key: "address",
      title: "To",
      className: "w-full min-w-36",
      cell: (channel) => (
        <span className="flex flex-col">
          <span className="font-medium">
            <ForeignText max={80}>{channel.title || channel.address}</ForeignText>
          </span>
          <span className="text-ink-soft text-xs">
            {channel.kind === "email" ? "mail" : "webhook"}
            {channel.title && (
              <>
                {" "}
                to <ForeignText max={80}>{channel.address}</ForeignText>
              </>
            )}
          </span>
        </span>
      ),
    },
    {
      key: "line",
      title: "Of",
      wideOnly: true,
      cell: (channel) => (
        <span className="whitespace-nowrap">
          {channel.line ? <ForeignText max={40}>{channel.line}</ForeignText> : "whole plant"}
        </span>
      ),
    },
    {
      key: "enabled",
      title: "Status",
      cell: (channel) => (channel.enabled ? <Badge kind="done">on</Badge> : <Badge>off</Badge>),
    },
    ...(may
      ? [
          {
            key: "do",
            title: <span className="sr-only">Actions</span>,
            cell: (channel: Channel) => <ChannelActions channel={channel} />,
          },
        ]
      : []),
  ];
  return (
    <Section
      title="Who is told"
      actions={
        may && (
          <Button look="primary" onClick={() => setAdding(true)}>
            Add a channel
          </Button>
        )
      }
    >
      <Listed query={channels} rowsOf={(page) => page.channels}>
        {(rows) => (
          <Table
            caption="Channels"
            rows={rows}
            rowKey={(channel) => channel.id}
            empty={
              <>
                <p className="font-semibold text-ink">Nobody is told of incidents of this plant.</p>
                <p className="mt-1">Add a mail address or a webhook; incidents are listed here in any case.</p>
              </>
            }
            columns={columns}
          />
        )}
      </Listed>
      {adding && (
        <NewChannel
          plant={plant}
          onAdded={(channel, secret) => secret && setAdded({ address: channel.address, secret })}
          onClose={() => setAdding(false)}
        />
      )}
      {added && (
        <ShownOnce
          title="Key of the webhook's signatures"
          label="Signing key"
          secret={added.secret}
          onClose={() => setAdded(null)}
        >
          <p>
            Every request to <ForeignText max={80}>{added.address}</ForeignText> is signed with it (HMAC-SHA-256): the
            receiver checks the signature before it believes anything.
          </p>
        </ShownOnce>
      )}
    </Section>
  );
}

function ChannelActions({ channel }: { channel: Channel }) {
  const queries = useQueryClient();
  const [busy, setBusy] = useState(false);
  const [tested, setTested] = useState(false);
  const [error, setError] = useState<unknown>();
  const [removing, setRemoving] = useState(false);
  const params = { path: { channel: channel.id } };
  const run = async (work: () => Promise<unknown>) => {
    setBusy(true);
    setError(undefined);
    try {
      await work();
      await queries.invalidateQueries({ queryKey: ["work"] });
    } catch (problem) {
      setError(problem);
    } finally {
      setBusy(false);
    }
  };
  const test = () =>
    run(async () => {
      await answer(api.POST("/alerts/channels/{channel}/test", { params }));
      setTested(true);
    });
  const toggle = () =>
    run(() => {
      const body = { enabled: !channel.enabled, title: channel.title };
      return answer(api.PUT("/alerts/channels/{channel}", { params, body }));
    });
  return (
    <div className="flex flex-col items-end gap-1">
      <div className="flex justify-end gap-1 max-sm:flex-col">
        <Button small busy={busy} onClick={() => void test()} aria-label={`Send a test to ${channel.address}`}>
          Send a test
        </Button>
        <Button
          small
          look="quiet"
          busy={busy}
          onClick={() => void toggle()}
          aria-label={`Switch ${channel.address} ${channel.enabled ? "off" : "on"}`}
        >
          {channel.enabled ? "Switch off" : "Switch on"}
        </Button>
        <Button small look="quiet" onClick={() => setRemoving(true)} aria-label={`Remove ${channel.address}`}>
          Remove
        </Button>
      </div>
      {tested && (
        <p role="status" className="text-sm">
          On its way:{" "}
          <Link
            to="/work"
            search={(before) => ({ plant: before.plant, show: "deliveries" as const })}
            className="underline underline-offset-2"
          >
            see deliveries
          </Link>
        </p>
      )}
      {error !== undefined && <ErrorNotice error={error} />}
      {removing && (
        <Confirm
          title="Remove this channel?"
          action="Remove"
          danger
          run={async () => {
            await answer(api.DELETE("/alerts/channels/{channel}", { params }));
            await queries.invalidateQueries({ queryKey: ["work"] });
          }}
          onClose={() => setRemoving(false)}
        >
          <p>
            <ForeignText max={80}>{channel.address}</ForeignText> is told of nothing any more. What is on its way to it
            is not sent.
          </p>
        </Confirm>
      )}
    </div>
  );
}
