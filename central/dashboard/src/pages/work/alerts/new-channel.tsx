import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { answer, api } from "../../../api/client.ts";
import type { Schema } from "../../../api/types.ts";
import { Button } from "../../../parts/button.tsx";
import { CheckField, Choice, SelectField, TextField } from "../../../parts/field.tsx";
import { ErrorNotice } from "../../../parts/notices.tsx";
import { SideSheet } from "../../../parts/side-sheet.tsx";

/** A mail address or a webhook to tell of incidents. */
export function NewChannel({
  plant,
  onAdded,
  onClose,
}: {
  plant: string;
  onAdded: (channel: Schema<"Channel">, secret: string | null) => void;
  onClose: () => void;
}) {
  const queries = useQueryClient();
  const [kind, setKind] = useState<Schema<"ChannelKind">>("email");
  const [address, setAddress] = useState("");
  const [title, setTitle] = useState("");
  const [line, setLine] = useState("");
  const [plain, setPlain] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const lines = useQuery({
    queryKey: ["master_data", "lines", "of plant", plant],
    queryFn: ({ signal }) => answer(api.GET("/lines", { params: { query: { plant, limit: 1_000 } }, signal })),
  });
  const isPlain = kind === "webhook" && /^http:/i.test(address.trim());
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      const body = {
        plant,
        kind,
        address: address.trim(),
        title: title.trim(),
        line: line || null,
        ...(isPlain && { plain_http: plain }),
      };
      const { channel, secret } = await answer(api.POST("/alerts/channels", { body }));
      onAdded(channel, secret ?? null);
      await queries.invalidateQueries({ queryKey: ["work"] });
      onClose();
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  return (
    <SideSheet title="Add a channel" unsaved={!busy && address !== ""} onClose={onClose}>
      <form onSubmit={submit} className="flex flex-col gap-4">
        <div>
          <Choice
            label="How"
            value={kind}
            options={[
              { value: "email", label: "Mail" },
              { value: "webhook", label: "Webhook" },
            ]}
            onChange={setKind}
          />
        </div>
        <TextField
          key={kind}
          label={kind === "email" ? "Mail address" : "URL"}
          type={kind === "email" ? "email" : "url"}
          hint={
            kind === "email"
              ? "One mail for each incident, another when it is over."
              : "Signed with a key that is shown once, after this."
          }
          required
          maxLength={kind === "email" ? 254 : 2_000}
          autoComplete="off"
          value={address}
          onChange={(event) => setAddress(event.target.value)}
        />
        {isPlain && (
          <CheckField
            label="Send over plain HTTP: whoever listens in between reads it"
            checked={plain}
            onChange={(event) => setPlain(event.target.checked)}
          />
        )}
        <TextField
          label="Title"
          hint="Who or what that is, such as “Maintenance on call”."
          maxLength={200}
          autoComplete="off"
          value={title}
          onChange={(event) => setTitle(event.target.value)}
        />
        <SelectField label="Told of" value={line} onChange={(event) => setLine(event.target.value)}>
          <option value="">the whole plant</option>
          {(lines.data?.lines ?? []).map((one) => (
            <option key={one.id} value={one.name}>
              line {one.title || one.name}
            </option>
          ))}
        </SelectField>
        {error !== undefined && <ErrorNotice error={error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" busy={busy} disabled={isPlain && !plain}>
            Add
          </Button>
        </div>
      </form>
    </SideSheet>
  );
}
