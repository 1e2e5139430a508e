import { type ReactNode, useEffect } from "react";
import { WarningIcon } from "../../parts/icons.tsx";

/** What stands before anybody is logged on: one card, one question. */
export function Front({ title, note, children }: { title: string; note?: string | undefined; children: ReactNode }) {
  useEffect(() => {
    document.title = title;
  }, [title]);
  return (
    <main className="flex min-h-dvh items-center justify-center p-4">
      <div className="w-full max-w-sm">
        {note && (
          <p role="status" className="mb-3 flex gap-2 rounded-card border border-line bg-surface px-4 py-3 text-sm">
            <WarningIcon className="text-warning" /> {note}
          </p>
        )}
        <div className="rounded-card border border-line bg-surface px-6 py-7 shadow-raised">
          <h1 className="mb-5 font-semibold text-2xl tracking-tight">{title}</h1>
          {children}
        </div>
      </div>
    </main>
  );
}
