import { type ReactNode, useEffect } from "react";
import { useStaleSince } from "../live/use-board.ts";
import { StaleNote } from "./notices.tsx";

/**
 * What every page stands in: its title, which is also the window's, what can be done, and its content. Grey, with since
 * when, while nothing is heard from central.
 */
export function Page({
  title,
  windowTitle,
  above,
  actions,
  children,
}: {
  title: ReactNode;
  /** The window's title, when `title` is more than text. */
  windowTitle?: string;
  /** A line above the title: where one came from. */
  above?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}) {
  const name = windowTitle ?? (typeof title === "string" ? title : "Dashboard");
  useEffect(() => {
    document.title = name;
  }, [name]);
  const stale_since = useStaleSince();
  return (
    <div className="mx-auto flex w-full max-w-[120rem] flex-col gap-4 px-4 py-4 sm:px-6">
      <header className="flex flex-wrap items-end justify-between gap-x-6 gap-y-3">
        <div className="min-w-0">
          {above}
          <h1 className="font-semibold text-2xl tracking-tight">{title}</h1>
        </div>
        {actions && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
      </header>
      {stale_since !== null && <StaleNote since_ms={stale_since}>The page reconnects by itself.</StaleNote>}
      <div className={`flex flex-col gap-4 ${stale_since === null ? "" : "grayscale"}`}>{children}</div>
    </div>
  );
}

/** A part of a page under its own heading. */
export function Section({ title, actions, children }: { title: ReactNode; actions?: ReactNode; children: ReactNode }) {
  return (
    <section className="flex flex-col gap-3">
      <header className="flex flex-wrap items-center justify-between gap-3">
        <h2 className="font-semibold text-lg tracking-tight">{title}</h2>
        {actions && <div className="flex flex-wrap items-center gap-2">{actions}</div>}
      </header>
      {children}
    </section>
  );
}

/** Names and values under each other. */
export function Facts({ facts }: { facts: readonly (readonly [name: string, value: ReactNode])[] }) {
  return (
    <dl className="grid grid-cols-[max-content_1fr] gap-x-4 gap-y-1 text-sm">
      {facts.map(([name, value]) => (
        <div key={name} className="contents">
          <dt className="text-ink-soft">{name}</dt>
          <dd className="min-w-0">{value}</dd>
        </div>
      ))}
    </dl>
  );
}
