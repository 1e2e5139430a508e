import { type FormEvent, type ReactNode, useState } from "react";
import { Button } from "./button.tsx";
import { Dialog, DialogButtons } from "./dialog.tsx";
import { TextField } from "./field.tsx";
import { ErrorNotice } from "./notices.tsx";

/**
 * Asks before something that others feel: what follows stands above the button, and the button says what it does. What
 * cannot be taken back wants a name to be typed.
 */
export function Confirm({
  title,
  action,
  danger = false,
  typed,
  run,
  onClose,
  onError,
  children,
}: {
  title: ReactNode;
  /** What the button says. */
  action: string;
  danger?: boolean;
  /** What has to be typed first. */
  typed?: string;
  run: () => Promise<unknown>;
  onClose: () => void;
  /** More to offer where it was refused. */
  onError?: (error: unknown) => ReactNode;
  /** What follows from it. */
  children: ReactNode;
}) {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const [text, setText] = useState("");
  const submit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    setBusy(true);
    setError(undefined);
    try {
      await run();
      onClose();
    } catch (problem) {
      setError(problem);
      setBusy(false);
    }
  };
  return (
    <Dialog title={title} onClose={onClose}>
      <form onSubmit={submit} className="flex flex-col gap-4">
        <div className="flex flex-col gap-2">{children}</div>
        {typed !== undefined && (
          <TextField
            label={
              <>
                Type <code className="font-mono">{typed}</code> to confirm
              </>
            }
            value={text}
            onChange={(event) => setText(event.target.value)}
            autoComplete="off"
            autoCapitalize="none"
            spellCheck={false}
          />
        )}
        {error !== undefined && (
          <>
            <ErrorNotice error={error} />
            {onError?.(error)}
          </>
        )}
        <DialogButtons>
          <Button onClick={onClose}>Cancel</Button>
          <Button
            type="submit"
            look={danger ? "danger" : "primary"}
            busy={busy}
            disabled={typed !== undefined && text.trim() !== typed}
          >
            {action}
          </Button>
        </DialogButtons>
      </form>
    </Dialog>
  );
}
