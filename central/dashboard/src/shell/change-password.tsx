import { type FormEvent, useState } from "react";
import { type Problem, problemOf } from "../api/problem.ts";
import { Button } from "../parts/button.tsx";
import { Dialog, DialogButtons } from "../parts/dialog.tsx";
import { TextField } from "../parts/field.tsx";
import { PASSWORD_MIN_CHARACTERS } from "../session/log-in.ts";
import { changePassword } from "../session/requests.ts";

interface Fault {
  of: "current" | "wanted" | "again";
  text: string;
}

/** Which field it is of, in words that people know: central names them as its document does. */
function faultOf({ status, message }: Problem): Fault {
  if (status !== 400) return { of: "again", text: message };
  return message.startsWith("`current`")
    ? { of: "current", text: "This is not your current password." }
    : { of: "wanted", text: message };
}

export function ChangePassword({ onClose }: { onClose: () => void }) {
  const [busy, setBusy] = useState(false);
  const [fault, setFault] = useState<Fault>();
  const [done, setDone] = useState(false);

  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    const [current, wanted] = [String(form.get("current")), String(form.get("wanted"))];
    if (wanted !== form.get("again")) {
      return setFault({ of: "again", text: "The two new passwords differ: type them once more." });
    }
    setBusy(true);
    setFault(undefined);
    try {
      await changePassword(current, wanted);
      setDone(true);
    } catch (problem) {
      setFault(faultOf(problemOf(problem)));
    } finally {
      setBusy(false);
    }
  };

  if (done) {
    return (
      <Dialog title="Password changed" onClose={onClose}>
        <p>The next log-in asks for the new one. Your other sessions were ended.</p>
        <DialogButtons>
          <Button look="primary" onClick={onClose}>
            Close
          </Button>
        </DialogButtons>
      </Dialog>
    );
  }
  return (
    <Dialog title="Change password" onClose={onClose}>
      <form onSubmit={submit} className="flex flex-col gap-4">
        <TextField
          name="current"
          type="password"
          label="Current password"
          autoComplete="current-password"
          required
          error={fault?.of === "current" ? fault.text : undefined}
        />
        <TextField
          name="wanted"
          type="password"
          label="New password"
          autoComplete="new-password"
          minLength={PASSWORD_MIN_CHARACTERS}
          maxLength={256}
          required
          hint={`At least ${PASSWORD_MIN_CHARACTERS} characters; a sentence is good.`}
          error={fault?.of === "wanted" ? fault.text : undefined}
        />
        <TextField
          name="again"
          type="password"
          label="New password, again"
          autoComplete="new-password"
          required
          error={fault?.of === "again" ? fault.text : undefined}
        />
        <DialogButtons>
          <Button onClick={onClose}>Cancel</Button>
          <Button look="primary" type="submit" busy={busy}>
            Change password
          </Button>
        </DialogButtons>
      </form>
    </Dialog>
  );
}
