import { useSearch } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { useEnter } from "../../session/log-in.ts";
import { forgetScreenToken, isScreen } from "../../session/screen-token.ts";
import { Front } from "./front.tsx";
import { LogInForm } from "./log-in-form.tsx";

const EXPIRED = "Your session has ended. Log in to go on where you were.";
const SCREEN_REFUSED =
  "This screen's token is not taken any more: it was revoked, or it has expired. Make another one and open its address.";

export function LoginPage() {
  const { next, expired } = useSearch({ from: "/login" });
  const enter = useEnter();
  const [refused] = useState(isScreen);
  useEffect(forgetScreenToken, []);
  return (
    <Front title="Log in" note={refused ? SCREEN_REFUSED : expired ? EXPIRED : undefined}>
      <LogInForm onLoggedIn={() => enter(next)} />
      <p className="mt-6 text-ink-soft text-sm">
        No account, or the password forgotten? An administrator makes one and sets a new password.
      </p>
    </Front>
  );
}
