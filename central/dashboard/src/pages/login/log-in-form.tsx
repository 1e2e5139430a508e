import { type FormEvent, useState } from "react";
import { problemOf } from "../../api/problem.ts";
import { Button } from "../../parts/button.tsx";
import { TextField } from "../../parts/field.tsx";
import { logIn } from "../../session/requests.ts";

/** Name and password. What was typed stays when it was refused. */
export function LogInForm({
  name: known,
  onLoggedIn,
}: {
  /** Whose name stands there already. */
  name?: string | undefined;
  onLoggedIn: () => Promise<void>;
}) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setBusy(true);
    setError(undefined);
    try {
      await logIn(String(form.get("name")).trim(), String(form.get("password")));
      await onLoggedIn();
    } catch (problem) {
      setError(problemOf(problem).message);
      setBusy(false);
    }
  };
  return (
    <form onSubmit={submit} className="flex flex-col gap-4">
      <TextField
        name="name"
        label="Name"
        autoComplete="username"
        autoCapitalize="none"
        spellCheck={false}
        defaultValue={known}
        autoFocus={known === undefined}
        required
        maxLength={64}
      />
      <TextField
        name="password"
        type="password"
        label="Password"
        autoComplete="current-password"
        data-first={known !== undefined || undefined}
        required
        maxLength={256}
        error={error}
      />
      <Button look="primary" type="submit" busy={busy}>
        Log in
      </Button>
    </form>
  );
}
