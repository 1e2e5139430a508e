import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { Age, ForeignText, momentText, serverNow } from "screens";
import { answer, api } from "../../api/client.ts";
import { Button } from "../../parts/button.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { CheckField, SelectField, TextField } from "../../parts/field.tsx";
import { Listed } from "../../parts/listing.tsx";
import { Badge, ErrorNotice } from "../../parts/notices.tsx";
import { Copyable, ShownOnce } from "../../parts/shown-once.tsx";
import { SideSheet } from "../../parts/side-sheet.tsx";
import { Table } from "../../parts/table.tsx";
import { screenAddress } from "../../session/screen-token.ts";
import { useSession } from "../../session/session.ts";
import { PlantsChoice, type PlantsGiven, PlantsSeen } from "./plants-choice.tsx";
import { type Permission, type Token, tokensQuery } from "./requests.ts";
import { SCOPES } from "./words.ts";

/** What programs ask with. */
export function TokensView() {
  const tokens = useInfiniteQuery(tokensQuery);
  const queries = useQueryClient();
  const [creating, setCreating] = useState(false);
  const [revoked, setRevoked] = useState<Token | null>(null);
  const [made, setMade] = useState<Made | null>(null);
  return (
    <>
      <div className="flex flex-wrap items-center justify-between gap-3">
        <p className="max-w-prose text-ink-soft text-sm">
          A program sends a token as <code className="font-mono">Authorization: Bearer …</code>. Give each program its
          own, with no more than it needs.
        </p>
        <Button look="primary" onClick={() => setCreating(true)}>
          New token
        </Button>
      </div>
      <Listed query={tokens} rowsOf={(page) => page.tokens}>
        {(rows) => (
          <Table
            caption="API tokens"
            rows={rows}
            rowKey={(token) => token.id}
            empty="No program asks this central yet."
            columns={[
              {
                key: "name",
                title: "Token",
                className: "min-w-32",
                cell: (token) => (
                  <span className="flex flex-col">
                    <span className="font-medium">
                      <ForeignText max={64}>{token.name}</ForeignText>
                    </span>
                    <code className="font-mono text-ink-soft text-xs">central_{token.prefix}…</code>
                  </span>
                ),
              },
              {
                key: "scopes",
                title: "May",
                className: "w-full",
                cell: (token) => (
                  <span className="flex flex-wrap gap-1">
                    {token.scopes.map((scope) => (
                      <Badge key={scope}>{scope}</Badge>
                    ))}
                  </span>
                ),
              },
              {
                key: "plants",
                title: "Plants",
                wideOnly: true,
                cell: (token) => <PlantsSeen all={token.all_plants} ids={token.plants} />,
              },
              {
                key: "used",
                title: "Last used",
                wideOnly: true,
                cell: (token) => (
                  <span className="whitespace-nowrap">
                    {token.last_used_at ? <Age of={token.last_used_at} /> : "never"}
                  </span>
                ),
              },
              { key: "until", title: "Good until", cell: (token) => <Until token={token} /> },
              {
                key: "revoke",
                title: <span className="sr-only">Revoke</span>,
                cell: (token) =>
                  token.revoked_at == null ? (
                    <Button small look="quiet" aria-label={`Revoke ${token.name}`} onClick={() => setRevoked(token)}>
                      Revoke
                    </Button>
                  ) : null,
              },
            ]}
          />
        )}
      </Listed>
      {creating && <NewToken onMade={setMade} onClose={() => setCreating(false)} />}
      {made && (
        <ShownOnce title={`Token ${made.name}`} label="Token" secret={made.secret} onClose={() => setMade(null)}>
          <p>Give it to the program that is to ask.</p>
          {made.screen !== undefined && (
            <>
              <p>
                A screen on a wall shows Plant now with it, without anybody who logs in, when it opens this address:
              </p>
              <Copyable label="Address for a screen" text={made.screen} />
            </>
          )}
        </ShownOnce>
      )}
      {revoked && (
        <Confirm
          title={`Revoke ${revoked.name}?`}
          action="Revoke"
          danger
          run={async () => {
            await answer(api.DELETE("/tokens/{token}", { params: { path: { token: revoked.id } } }));
            await queries.invalidateQueries({ queryKey: ["tokens"] });
          }}
          onClose={() => setRevoked(null)}
        >
          <p>Whatever asks with it is refused from here on. It cannot be taken back; another token can be made.</p>
        </Confirm>
      )}
    </>
  );
}

interface Made {
  name: string;
  secret: string;
  /** What a screen on a wall opens, where the token may do no more than that. */
  screen: string | undefined;
}

function Until({ token }: { token: Token }) {
  if (token.revoked_at != null) return <Badge>revoked</Badge>;
  if (token.expires_at == null) return <span className="whitespace-nowrap">it is revoked</span>;
  if (Date.parse(token.expires_at) < serverNow()) return <Badge kind="warning">expired</Badge>;
  return <span className="whitespace-nowrap">{momentText(token.expires_at, "day")}</span>;
}

const LASTS_DAYS = [30, 90, 365] as const;
const DAY_MS = 86_400_000;

function NewToken({ onMade, onClose }: { onMade: (made: Made) => void; onClose: () => void }) {
  const queries = useQueryClient();
  const { plants: seen } = useSession();
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState<readonly Permission[]>(["read"]);
  const [plants, setPlants] = useState<PlantsGiven>({ all: false, ids: [] });
  const [lasts, setLasts] = useState("365");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      const expires_at = lasts === "" ? null : new Date(serverNow() + Number(lasts) * DAY_MS).toISOString();
      const body = {
        name: name.trim(),
        scopes: [...scopes],
        all_plants: plants.all,
        plants: [...plants.ids],
        expires_at,
      };
      const { secret } = await answer(api.POST("/tokens", { body }));
      const only = body.plants.length === 1 ? seen.find((plant) => plant.id === body.plants[0])?.name : undefined;
      const readsOnly = body.scopes.every((scope) => scope === "read");
      const screen = readsOnly ? screenAddress(location.origin, secret, only) : undefined;
      onMade({ name: body.name, secret, screen });
      await queries.invalidateQueries({ queryKey: ["tokens"] });
      onClose();
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  return (
    <SideSheet title="New token" unsaved={!busy && name !== ""} onClose={onClose}>
      <form onSubmit={submit} className="flex flex-col gap-5">
        <TextField
          label="Name"
          hint="Which program asks with it. Small letters, digits, and . _ @ - between them."
          value={name}
          required
          maxLength={64}
          pattern="[a-z0-9][a-z0-9._@\-]{0,63}"
          autoComplete="off"
          autoCapitalize="none"
          spellCheck={false}
          onChange={(event) => setName(event.target.value)}
        />
        <fieldset className="flex flex-col gap-1">
          <legend className="mb-1 font-medium text-sm">It may</legend>
          {SCOPES.map(({ scope, may }) => (
            <CheckField
              key={scope}
              label={
                <span>
                  {may} <code className="font-mono text-ink-soft text-xs">{scope}</code>
                </span>
              }
              checked={scopes.includes(scope)}
              onChange={(event) =>
                setScopes(event.target.checked ? [...scopes, scope] : scopes.filter((one) => one !== scope))
              }
            />
          ))}
        </fieldset>
        <PlantsChoice value={plants} onChange={setPlants} />
        <SelectField label="Good for" value={lasts} onChange={(event) => setLasts(event.target.value)}>
          {LASTS_DAYS.map((days) => (
            <option key={days} value={days}>
              {days} days
            </option>
          ))}
          <option value="">ever, until it is revoked</option>
        </SelectField>
        {error !== undefined && <ErrorNotice error={error} />}
        <div className="flex justify-end gap-2">
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" busy={busy} disabled={scopes.length === 0}>
            Create token
          </Button>
        </div>
      </form>
    </SideSheet>
  );
}
