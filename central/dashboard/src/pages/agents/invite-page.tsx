import "./print.css";
import { useQueryClient } from "@tanstack/react-query";
import { Link, useBlocker, useSearch } from "@tanstack/react-router";
import { type FormEvent, useRef, useState } from "react";
import { ForeignText, momentText } from "screens";
import { answer, api } from "../../api/client.ts";
import type { Schema } from "../../api/types.ts";
import { Button, buttonClass } from "../../parts/button.tsx";
import { SelectField, TextField } from "../../parts/field.tsx";
import { LeftIcon, WarningIcon } from "../../parts/icons.tsx";
import { Empty, ErrorNotice } from "../../parts/notices.tsx";
import { Page } from "../../parts/page.tsx";
import { Copyable } from "../../parts/shown-once.tsx";
import { PlantOptions, useZones } from "../../session/plants.tsx";
import { useMay, useSession } from "../../session/session.ts";
import { QrCode } from "./qr-code.tsx";

type Invited = Schema<"Invited">;

/** A code that lets one computer in, once, on a sheet to take to it. */
export function InvitePage() {
  const { plant } = useSearch({ from: "/shell/agents/invite" });
  const may = useMay("agents:write");
  const [invited, setInvited] = useState<Invited | null>(null);
  const above = (
    <Link
      to="/agents"
      search={{ plant }}
      className="mb-1 inline-flex items-center gap-1 text-ink-soft text-sm hover:text-ink"
    >
      <LeftIcon /> Agents
    </Link>
  );
  if (!may) {
    return (
      <Page title="Invite an agent" above={above}>
        <Empty>Only administrators let agents in.</Empty>
      </Page>
    );
  }
  return (
    <Page title="Invite an agent" above={above}>
      {invited ? (
        <Sheet invited={invited} onAnother={() => setInvited(null)} />
      ) : (
        <InviteForm plant={plant} onInvited={setInvited} />
      )}
    </Page>
  );
}

const LASTS = [
  { seconds: 3_600, words: "one hour" },
  { seconds: 86_400, words: "one day" },
  { seconds: 7 * 86_400, words: "one week" },
  { seconds: 30 * 86_400, words: "30 days" },
];

function InviteForm({ plant, onInvited }: { plant: string | undefined; onInvited: (invited: Invited) => void }) {
  const { plants } = useSession();
  const several = plants.length > 1;
  const queries = useQueryClient();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const address = String(form.get("address")).trim();
    setBusy(true);
    setError(undefined);
    try {
      const body = {
        plant: String(form.get("plant")),
        agent: String(form.get("agent")).trim(),
        lasts_s: Number(form.get("lasts")),
        ...(address !== "" && { central_address: address }),
      };
      onInvited(await answer(api.POST("/agents/invitations", { body })));
      await queries.invalidateQueries({ queryKey: ["agents"] });
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  return (
    <form onSubmit={submit} className="flex max-w-lg flex-col gap-4 rounded-card border border-line bg-surface p-5">
      <SelectField name="plant" label="Plant" defaultValue={plant ?? (several ? "" : plants[0]?.name)} required>
        {several && plant === undefined && (
          <option value="" disabled>
            Choose …
          </option>
        )}
        <PlantOptions />
      </SelectField>
      <TextField
        name="agent"
        label="Name of the agent"
        hint="What it is called everywhere, such as press-line-1. Letters, digits, and . _ - between them."
        required
        autoFocus
        autoComplete="off"
        autoCapitalize="none"
        spellCheck={false}
        maxLength={64}
        pattern="[a-zA-Z0-9][a-zA-Z0-9._\-]*"
      />
      <SelectField name="lasts" label="The code is good for" defaultValue={86_400}>
        {LASTS.map((one) => (
          <option key={one.seconds} value={one.seconds}>
            {one.words}
          </option>
        ))}
      </SelectField>
      <TextField
        name="address"
        label="Central's address for the agent"
        hint="host:port. Empty: as central is configured."
        placeholder="as configured"
        autoComplete="off"
        spellCheck={false}
        maxLength={200}
      />
      {error !== undefined && <ErrorNotice error={error} />}
      <div className="flex justify-end">
        <Button look="primary" type="submit" busy={busy}>
          Make the code
        </Button>
      </div>
    </form>
  );
}

function Sheet({ invited, onAnother }: { invited: Invited; onAnother: () => void }) {
  const { invitation, code, central_address } = invited;
  const command = `edge-agent enroll ${code}`;
  const time_zone = useZones()(invitation.plant);
  const kept = useRef(false);
  const keep = () => {
    kept.current = true;
  };
  // The code is nowhere else: leaving without it wants a second click.
  useBlocker({
    shouldBlockFn: () => !kept.current && !window.confirm("The code is shown only here. Leave without it?"),
    enableBeforeUnload: () => !kept.current,
  });
  return (
    <>
      <p className="flex items-start gap-2 rounded-card bg-warning-soft px-4 py-2 text-sm">
        <WarningIcon className="mt-0.5 text-warning" />
        The code is shown this once. Print the sheet, or copy the command, before you leave this page.
      </p>
      <section
        data-paper
        aria-label="Enrolment sheet"
        className="mx-auto w-full max-w-2xl rounded-card border border-line bg-white p-8 text-[#16191c] shadow-raised [color-scheme:light]"
      >
        <p className="text-[#4d545a] text-sm">Enrolment of an edge agent</p>
        <h2 className="mt-1 font-semibold text-3xl tracking-tight">
          <ForeignText max={64}>{invitation.agent}</ForeignText>
        </h2>
        <p className="mt-1">
          Plant <strong>{invitation.plant}</strong>
        </p>
        <div className="mt-6 grid gap-6 sm:grid-cols-[15rem_1fr]">
          <div className="size-60 max-w-full border border-[#d0d4d7]">
            <QrCode text={code} label={`QR code of the enrolment code of ${invitation.agent}`} />
          </div>
          <ol className="flex list-decimal flex-col gap-4 pl-5 text-sm">
            <li>
              On the computer beside the machines, as administrator, type this command, or type{" "}
              <code className="font-mono">edge-agent enroll</code> and scan the code:
              <code className="wrap-anywhere mt-2 block rounded-control border border-[#7b8389] bg-[#f8f9f9] px-3 py-2 font-mono font-semibold text-base leading-relaxed">
                {command}
              </code>
            </li>
            <li>Start the agent. It appears under Agents within a minute.</li>
          </ol>
        </div>
        <dl className="mt-6 grid grid-cols-[max-content_1fr] gap-x-4 gap-y-1 border-[#d0d4d7] border-t pt-4 text-sm">
          <dt className="text-[#4d545a]">Good until</dt>
          <dd>
            <strong>{momentText(invitation.expires_at, "full", time_zone)}</strong> ({time_zone}), once
          </dd>
          <dt className="text-[#4d545a]">Central is reached at</dt>
          <dd>
            <code className="font-mono">{central_address}</code>
          </dd>
          <dt className="text-[#4d545a]">Made by</dt>
          <dd>
            <ForeignText max={40}>{invitation.created_by_name ?? invitation.created_by}</ForeignText>,{" "}
            {momentText(invitation.created_at, "full", time_zone)}
          </dd>
        </dl>
        <p className="mt-4 text-[#4d545a] text-xs">
          Whoever has this sheet can enrol one computer in its name: keep it, and throw it away when it was used.
        </p>
      </section>
      <div className="mx-auto flex w-full max-w-2xl flex-col gap-4">
        <Copyable label="Command to type" text={command} />
        <div className="flex flex-wrap justify-end gap-2">
          <Button
            onClick={() => {
              keep();
              onAnother();
            }}
          >
            Invite another
          </Button>
          <Link to="/agents" search={(before) => ({ plant: before.plant })} onClick={keep} className={buttonClass()}>
            Done
          </Link>
          <Button
            look="primary"
            onClick={() => {
              keep();
              window.print();
            }}
          >
            Print the sheet
          </Button>
        </div>
      </div>
    </>
  );
}
