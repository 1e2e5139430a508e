import { useSearch } from "@tanstack/react-router";
import { type FormEvent, useEffect, useState } from "react";
import { problemOf } from "../../api/problem.ts";
import { Button } from "../../parts/button.tsx";
import { TextField } from "../../parts/field.tsx";
import { useEnter } from "../../session/log-in.ts";
import { logIn } from "../../session/requests.ts";
import { forgetScreenToken, isScreen } from "../../session/screen-token.ts";
import { Front } from "./front.tsx";

const EXPIRED = "Your session has ended. Log in to go on where you were.";
const SCREEN_REFUSED =
  "This screen's token is not taken any more: it was revoked, or it has expired. Make another one and open its address.";

export function LoginPage() {
  const { next, expired } = useSearch({ from: "/login" });
  const enter = useEnter();
  const [refused] = useState(isScreen);
  useEffect(forgetScreenToken, []);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string>();

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    setBusy(true);
    setError(undefined);
    try {
      await logIn(String(form.get("name")).trim(), String(form.get("password")));
      await enter(next);
    } catch (problem) {
      setError(problemOf(problem).message);
      setBusy(false);
    }
  };

  return (
    <Front title="Log in" note={refused ? SCREEN_REFUSED : expired ? EXPIRED : undefined}>
      <form onSubmit={submit} className="flex flex-col gap-4">
        <TextField
          name="name"
          label="Name"
          autoComplete="username"
          autoCapitalize="none"
          spellCheck={false}
          autoFocus
          required
          maxLength={64}
        />
        <TextField
          name="password"
          type="password"
          label="Password"
          autoComplete="current-password"
          required
          maxLength={256}
          error={error}
        />
        <Button look="primary" type="submit" busy={busy}>
          Log in
        </Button>
      </form>
      <p className="mt-6 text-ink-soft text-sm">
        No account, or the password forgotten? An administrator makes one and sets a new password.
      </p>
    </Front>
  );
}
