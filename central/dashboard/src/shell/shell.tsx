import { Link, Outlet, useLocation, useNavigate, useSearch } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useRef, useState } from "react";
import { ForeignText } from "screens";
import { PlantOptions } from "../session/plants.tsx";
import { useSession, useSessionEnded } from "../session/session.ts";
import { ConnectionMark } from "./connection-mark.tsx";
import { DESTINATIONS, type Destination } from "./destinations.ts";
import { KeyboardHelp } from "./keyboard-help.tsx";
import { useShortcuts } from "./shortcuts.ts";
import { UserMenu } from "./user-menu.tsx";

const LogInAgain = lazy(async () => ({ default: (await import("../pages/login/log-in-again.tsx")).LogInAgain }));

/** What stands around every page of somebody who is logged on. */
export function Shell() {
  const session = useSession();
  const ended = useSessionEnded();
  const [helping, setHelping] = useState(false);
  const places = DESTINATIONS.filter((place) => session.permissions.includes(place.needs));
  const navigate = useNavigate();
  useShortcuts({
    go: (key) => {
      const place = places.find((one) => one.key === key);
      if (place) void navigate({ to: place.to, search: (before) => ({ plant: before.plant }) });
    },
    help: () => setHelping(true),
  });
  useOnlyKnownPlants();
  const content = useFocusAfterMove();
  return (
    <div className="flex min-h-dvh flex-col">
      <a
        href="#content"
        className="absolute top-2 left-2 z-50 -translate-y-20 rounded-control bg-accent px-4 py-2 text-on-accent focus:translate-y-0"
      >
        Skip to content
      </a>
      <header className="sticky top-0 z-30 flex h-12 items-center gap-2 border-line border-b bg-surface px-3 sm:px-6">
        <PlantPicker />
        <nav aria-label="Pages" className="ml-2 hidden h-full items-stretch md:flex">
          {places.map((place) => (
            <TopLink key={place.to} place={place} />
          ))}
        </nav>
        <div className="ml-auto flex items-center gap-1">
          <ConnectionMark />
          <UserMenu onHelp={() => setHelping(true)} />
        </div>
      </header>
      <main id="content" ref={content} tabIndex={-1} className="flex-1 pb-16 outline-none md:pb-4">
        <Outlet />
      </main>
      <PhoneNavigation places={places} />
      {helping && <KeyboardHelp places={places} onClose={() => setHelping(false)} />}
      {ended && (
        <Suspense>
          <LogInAgain name={session.name} />
        </Suspense>
      )}
    </div>
  );
}

function TopLink({ place }: { place: Destination }) {
  return (
    <Link
      to={place.to}
      search={(before) => ({ plant: before.plant })}
      activeOptions={{ exact: place.to === "/", includeSearch: false }}
      className="flex items-center border-transparent border-y-2 px-3 text-ink-soft hover:text-ink"
      activeProps={{ className: "border-b-ink font-medium text-ink" }}
    >
      {place.title}
    </Link>
  );
}

const ON_PHONE = 4;

function PhoneNavigation({ places }: { places: readonly Destination[] }) {
  const { pathname } = useLocation();
  const more = useRef<HTMLDivElement>(null);
  const close = () => more.current?.hidePopover();
  const first = places.length <= ON_PHONE + 1 ? places : places.slice(0, ON_PHONE);
  const rest = places.slice(first.length);
  return (
    <nav
      aria-label="Pages"
      className="fixed inset-x-0 bottom-0 z-30 flex border-line border-t bg-surface pb-[env(safe-area-inset-bottom)] md:hidden"
    >
      {first.map((place) => (
        <PhoneLink key={place.to} place={place} onGo={close} />
      ))}
      {rest.length > 0 && (
        <>
          <button
            type="button"
            popoverTarget="more-pages"
            className={`flex h-14 flex-1 flex-col items-center justify-center gap-0.5 text-xs ${
              rest.some(({ to }) => pathname.startsWith(to)) ? "font-semibold text-ink" : "text-ink-soft"
            }`}
          >
            <span aria-hidden="true" className="text-lg leading-none">
              ⋯
            </span>
            More
          </button>
          <div
            id="more-pages"
            ref={more}
            popover="auto"
            className="fixed inset-auto right-2 bottom-16 m-0 w-56 rounded-card bg-raised p-1 text-ink shadow-raised"
          >
            {rest.map((place) => (
              <Link
                key={place.to}
                to={place.to}
                search={(before) => ({ plant: before.plant })}
                onClick={close}
                className="flex min-h-12 items-center gap-3 rounded-control px-3 hover:bg-trough"
              >
                <place.icon /> {place.title}
              </Link>
            ))}
          </div>
        </>
      )}
    </nav>
  );
}

function PhoneLink({ place, onGo }: { place: Destination; onGo: () => void }) {
  return (
    <Link
      to={place.to}
      search={(before) => ({ plant: before.plant })}
      onClick={onGo}
      activeOptions={{ exact: place.to === "/", includeSearch: false }}
      className="flex h-14 flex-1 flex-col items-center justify-center gap-0.5 text-ink-soft text-xs"
      activeProps={{ className: "font-semibold text-ink" }}
    >
      <place.icon className="size-5" />
      {place.title}
    </Link>
  );
}

const EVERY_PLANT = "every plant";

/** The plant one looks at, in every address. Only its name when there is no choice. */
function PlantPicker() {
  const { plants } = useSession();
  const { plant } = useSearch({ strict: false });
  const navigate = useNavigate();
  const [only] = plants;
  if (plants.length < 2) {
    return <span className="max-w-48 truncate font-semibold">{only && <ForeignText>{only.name}</ForeignText>}</span>;
  }
  return (
    <label>
      <span className="sr-only">Plant</span>
      <select
        value={plant ?? EVERY_PLANT}
        onChange={(event) => {
          const chosen = event.target.value === EVERY_PLANT ? undefined : event.target.value;
          void navigate({ to: ".", search: (before) => ({ ...before, plant: chosen, line: undefined }) });
        }}
        className="min-h-8 max-w-48 rounded-control border border-edge bg-raised px-2 font-semibold"
      >
        <option value={EVERY_PLANT}>All plants</option>
        <PlantOptions />
      </select>
    </label>
  );
}

/** An address that names a plant that one does not see is as if it named none: a colleague may have sent it. */
function useOnlyKnownPlants(): void {
  const { plants } = useSession();
  const { plant } = useSearch({ strict: false });
  const navigate = useNavigate();
  const unknown = plant !== undefined && plants.every((one) => one.name !== plant);
  useEffect(() => {
    if (unknown) void navigate({ to: ".", search: (before) => ({ ...before, plant: undefined }), replace: true });
  }, [unknown, navigate]);
}

/** Another page begins at its top, for the eye and for the keyboard. */
function useFocusAfterMove() {
  const content = useRef<HTMLElement>(null);
  const { pathname } = useLocation();
  const before = useRef(pathname);
  useEffect(() => {
    if (before.current === pathname) return;
    before.current = pathname;
    content.current?.focus({ preventScroll: true });
  }, [pathname]);
  return content;
}
