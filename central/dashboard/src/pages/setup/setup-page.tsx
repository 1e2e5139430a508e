import { type FormEvent, useState } from "react";
import { problemOf } from "../../api/problem.ts";
import { Button } from "../../parts/button.tsx";
import { TextField } from "../../parts/field.tsx";
import { PASSWORD_MIN_CHARACTERS, useEnter } from "../../session/log-in.ts";
import { setUp } from "../../session/requests.ts";
import { Front } from "../login/front.tsx";

/** The first run: whoever can read central's log makes the first administrator. */
export function SetupPage() {
  const enter = useEnter();
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const [code, name, password] = ["code", "name", "password"].map((field) => String(form.get(field)));
    if (password !== form.get("again")) return setError("The two passwords differ: type them once more.");
    setBusy(true);
    setError(undefined);
    try {
      await setUp(code?.trim() ?? "", name?.trim() ?? "", password ?? "");
      await enter("/");
    } catch (problem) {
      setError(problemOf(problem).message);
      setBusy(false);
    }
  };

  return (
    <Front title="First administrator">
      <form onSubmit={submit} className="flex flex-col gap-4">
        <TextField
          name="code"
          label="Setup code"
          hint="Central's log shows it at the start; `central user setup-code` makes another."
          autoComplete="one-time-code"
          spellCheck={false}
          autoFocus
          required
          maxLength={64}
        />
        <TextField
          name="name"
          label="Name"
          hint="Small letters, digits, and . _ @ - between them."
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          required
          maxLength={64}
          pattern="[a-z0-9][a-z0-9._@\-]{0,63}"
        />
        <TextField
          name="password"
          type="password"
          label="Password"
          hint={`At least ${PASSWORD_MIN_CHARACTERS} characters; a sentence is good.`}
          autoComplete="new-password"
          minLength={PASSWORD_MIN_CHARACTERS}
          maxLength={256}
          required
        />
        <TextField
          name="again"
          type="password"
          label="Password, again"
          autoComplete="new-password"
          required
          maxLength={256}
          error={error}
        />
        <Button look="primary" type="submit" busy={busy}>
          Create and log in
        </Button>
      </form>
    </Front>
  );
}
