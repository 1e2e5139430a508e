import { useEffect } from "react";
import { Dialog } from "../../parts/dialog.tsx";
import { LOGGED_ON } from "../../session/early.ts";
import { useResume } from "../../session/log-in.ts";
import { LogInForm } from "./log-in-form.tsx";

/**
 * A session ended under an open page: the page waits behind this, unseen, with everything that was typed into it. Somebody
 * else begins with a page of their own.
 */
export function LogInAgain({ name }: { name: string }) {
  const resume = useResume(name);
  useEffect(() => {
    // Logged in on another tab: the session is this one's too.
    const onStorage = (event: StorageEvent) => {
      if (event.key === LOGGED_ON && event.newValue !== null) void resume().catch(() => undefined);
    };
    window.addEventListener("storage", onStorage);
    return () => window.removeEventListener("storage", onStorage);
  }, [resume]);
  return (
    <Dialog title="Log in to go on" onClose={() => undefined} stays hides>
      <p role="status" className="mb-4">
        Your session has ended. What you were doing is still here.
      </p>
      <LogInForm name={name} onLoggedIn={resume} />
    </Dialog>
  );
}
