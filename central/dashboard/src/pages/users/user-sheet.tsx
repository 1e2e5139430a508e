import { useQueryClient } from "@tanstack/react-query";
import { type FormEvent, type ReactNode, useState } from "react";
import { momentText, numberText } from "screens";
import { answer, api } from "../../api/client.ts";
import { Button } from "../../parts/button.tsx";
import { Confirm } from "../../parts/confirm.tsx";
import { TextField } from "../../parts/field.tsx";
import { ErrorNotice } from "../../parts/notices.tsx";
import { Facts, Section } from "../../parts/page.tsx";
import { SideSheet } from "../../parts/side-sheet.tsx";
import { type Role, useSession } from "../../session/session.ts";
import { newPassword } from "./password.ts";
import { PlantsChoice, type PlantsGiven } from "./plants-choice.tsx";
import { changeUser, type User } from "./requests.ts";
import { ROLES } from "./words.ts";

interface Draft {
  name: string;
  display_name: string;
  role: Role;
  plants: PlantsGiven;
}

const draftOf = (user: User | null): Draft => ({
  name: user?.name ?? "",
  display_name: user?.display_name ?? "",
  role: user?.role ?? "operator",
  plants: { all: user?.all_plants ?? false, ids: user?.plants ?? [] },
});

/** One user: who they are, what they may, and whether they may come in. A new one's password is made here. */
export function UserSheet({
  user,
  onPassword,
  onClose,
}: {
  user: User | null;
  onPassword: (name: string, password: string) => void;
  onClose: () => void;
}) {
  const queries = useQueryClient();
  const [before] = useState(() => draftOf(user));
  const [draft, setDraft] = useState(before);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const unsaved = !busy && JSON.stringify(draft) !== JSON.stringify(before);
  const set = (part: Partial<Draft>) => setDraft((old) => ({ ...old, ...part }));
  const done = async () => {
    await queries.invalidateQueries({ queryKey: ["users"] });
    onClose();
  };
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    const { role, plants } = draft;
    const said = { display_name: draft.display_name.trim(), role, all_plants: plants.all, plants: [...plants.ids] };
    try {
      if (user) {
        await changeUser(user.id, said);
      } else {
        const [name, password] = [draft.name.trim(), newPassword()];
        await answer(api.POST("/users", { body: { name, password, ...said } }));
        onPassword(name, password);
      }
      await done();
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  return (
    <SideSheet title={user ? user.display_name || user.name : "New user"} unsaved={unsaved} onClose={onClose}>
      <div className="flex flex-col gap-8">
        <form onSubmit={submit} className="flex flex-col gap-5">
          <TextField
            label="Name"
            hint={
              user
                ? "It stays: the audit log names it."
                : "To log in with. Small letters, digits, and . _ @ - between them."
            }
            value={draft.name}
            disabled={user !== null}
            required
            maxLength={64}
            pattern="[a-z0-9][a-z0-9._@\-]{0,63}"
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
            onChange={(event) => set({ name: event.target.value })}
          />
          <TextField
            label="Full name"
            value={draft.display_name}
            maxLength={100}
            autoComplete="off"
            onChange={(event) => set({ display_name: event.target.value })}
          />
          <RoleChoice value={draft.role} onChange={(role) => set({ role })} />
          <PlantsChoice value={draft.plants} onChange={(plants) => set({ plants })} />
          {!user && (
            <p className="text-ink-soft text-sm">
              Central takes a password that this page makes. It is shown once, after the user was created.
            </p>
          )}
          {error !== undefined && <ErrorNotice error={error} />}
          <div className="flex justify-end gap-2">
            <Button onClick={onClose}>Cancel</Button>
            <Button look="primary" type="submit" busy={busy} disabled={user !== null && !unsaved}>
              {user ? "Save" : "Create user"}
            </Button>
          </div>
        </form>
        {user && <Access user={user} onPassword={onPassword} onDone={done} />}
      </div>
    </SideSheet>
  );
}

function RoleChoice({ value, onChange }: { value: Role; onChange: (role: Role) => void }) {
  return (
    <fieldset className="flex flex-col gap-1">
      <legend className="mb-1 font-medium text-sm">Role</legend>
      {ROLES.map(({ role, word, may }) => (
        <label key={role} className="flex min-h-8 items-start gap-2 py-1 text-sm">
          <input
            type="radio"
            name="role"
            className="mt-0.5 size-4 shrink-0 accent-accent"
            checked={value === role}
            onChange={() => onChange(role)}
          />
          <span>
            <span className="font-medium">{word}</span> <span className="text-ink-soft">{may}</span>
          </span>
        </label>
      ))}
    </fieldset>
  );
}

type Asked = "password" | "sessions" | "enabled";

/** Ways in and out: they take effect at once. */
function Access({
  user,
  onPassword,
  onDone,
}: {
  user: User;
  onPassword: (name: string, password: string) => void;
  onDone: () => Promise<void>;
}) {
  const session = useSession();
  const [asked, setAsked] = useState<Asked | null>(null);
  const self = user.name === session.name;
  const words: Record<Asked, { title: string; action: string; text: ReactNode; run: () => Promise<unknown> }> = {
    password: {
      title: `Reset the password of ${user.name}?`,
      action: "Reset the password",
      text: "A new one is made and shown once. The old one is gone, and all sessions of this user end.",
      run: async () => {
        const password = newPassword();
        await changeUser(user.id, { password });
        onPassword(user.name, password);
      },
    },
    sessions: {
      title: `End all sessions of ${user.name}?`,
      action: "End all sessions",
      text: "Wherever this user is logged in, the next click asks for the password.",
      run: () => answer(api.DELETE("/users/{user}/sessions", { params: { path: { user: user.id } } })),
    },
    enabled: {
      title: `${user.enabled ? "Disable" : "Enable"} ${user.name}?`,
      action: user.enabled ? "Disable" : "Enable",
      text: user.enabled
        ? "This user cannot log in any more, and all sessions end. What they did stays under their name."
        : "This user can log in again, with the password they had.",
      run: () => changeUser(user.id, { enabled: !user.enabled }),
    },
  };
  return (
    <Section title="Access">
      <Facts
        facts={[
          ["Sessions", numberText(user.sessions)],
          ["Last log-in", user.last_login_at ? momentText(user.last_login_at, "full") : "never"],
          ["Password changed", momentText(user.password_changed_at, "full")],
          ["Created", momentText(user.created_at, "full")],
        ]}
      />
      {self ? (
        <p className="text-ink-soft text-sm">
          This is you: change your password at the top right. Another administrator can disable you.
        </p>
      ) : (
        <div className="flex flex-wrap gap-2">
          <Button onClick={() => setAsked("password")}>Reset password</Button>
          <Button onClick={() => setAsked("sessions")} disabled={user.sessions === 0}>
            End sessions
          </Button>
          <Button onClick={() => setAsked("enabled")}>{user.enabled ? "Disable" : "Enable"}</Button>
        </div>
      )}
      {asked && (
        <Confirm
          title={words[asked].title}
          action={words[asked].action}
          danger={asked !== "enabled" || user.enabled}
          run={async () => {
            await words[asked].run();
            await onDone();
          }}
          onClose={() => setAsked(null)}
        >
          <p>{words[asked].text}</p>
        </Confirm>
      )}
    </Section>
  );
}
