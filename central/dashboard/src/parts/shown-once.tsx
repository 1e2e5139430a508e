import { type ReactNode, useRef, useState } from "react";
import { Button } from "./button.tsx";
import { Dialog, DialogButtons } from "./dialog.tsx";
import { WarningIcon } from "./icons.tsx";

/** Text to copy, selected by one click. */
export function Copyable({ label, text }: { label: string; text: string }) {
  const [copied, setCopied] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  const copy = async () => {
    field.current?.select();
    // Without HTTPS there is no clipboard to write to: what is selected is copied as by a person's keys.
    const written = navigator.clipboard?.writeText(text).then(() => true) ?? document.execCommand("copy");
    setCopied(await Promise.resolve(written).catch(() => false));
  };
  return (
    <div className="flex items-stretch gap-2">
      <input
        ref={field}
        readOnly
        aria-label={label}
        value={text}
        onFocus={(event) => event.target.select()}
        className="min-h-10 w-full min-w-0 rounded-control border border-edge bg-canvas px-3 font-mono text-sm"
      />
      <Button onClick={() => void copy()}>{copied ? "Copied" : "Copy"}</Button>
      <span role="status" className="sr-only">
        {copied ? "Copied" : ""}
      </span>
    </div>
  );
}

/** A secret that exists here and nowhere else from now on: closed by a button only, never by accident. */
export function ShownOnce({
  title,
  label,
  secret,
  children,
  onClose,
}: {
  title: string;
  label: string;
  secret: string;
  /** What it is for. */
  children: ReactNode;
  onClose: () => void;
}) {
  return (
    <Dialog title={title} onClose={onClose} stays>
      <div className="flex flex-col gap-4">
        {children}
        <Copyable label={label} text={secret} />
        <p className="flex items-start gap-2 rounded-card bg-warning-soft px-4 py-2 text-sm">
          <WarningIcon className="mt-0.5 text-warning" />
          It is shown this once: central keeps only a hash of it. When it is lost, make another.
        </p>
        <DialogButtons>
          <Button look="primary" onClick={onClose}>
            I have kept it
          </Button>
        </DialogButtons>
      </div>
    </Dialog>
  );
}
