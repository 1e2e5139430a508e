/** The addresses. A page's code is loaded with the page, except for the first one's. */
import type { QueryClient } from "@tanstack/react-query";
import {
  createRootRouteWithContext,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  redirect,
} from "@tanstack/react-router";
import { feed } from "./live/feed.ts";
import { MACHINE_VIEWS, type MachineView } from "./pages/machine/views.ts";
import { PlantNowPage } from "./pages/plant-now/plant-now-page.tsx";
import { USER_VIEWS, type UserView } from "./pages/users/views.ts";
import { WORK_VIEWS, type WorkView } from "./pages/work/views.ts";
import { flag, oneOf, text, uuid, wholeNumber } from "./search.ts";
import { setupNeeded } from "./session/requests.ts";
import { sessionQuery } from "./session/session.ts";
import { Failed, NotFound, Pending } from "./shell/fallbacks.tsx";
import { Shell } from "./shell/shell.tsx";
import { RANGES, type RangeSearch } from "./time/range.ts";

const root = createRootRouteWithContext<{ queries: QueryClient }>()({
  component: Outlet,
  notFoundComponent: () => (
    <main>
      <NotFound />
    </main>
  ),
});

const login = createRoute({
  getParentRoute: () => root,
  path: "/login",
  beforeLoad: async () => {
    if (await setupNeeded()) throw redirect({ to: "/setup" });
  },
  validateSearch: (search): { next?: string | undefined; expired?: true | undefined } => ({
    next: text(search.next),
    expired: flag(search.expired),
  }),
  component: lazyRouteComponent(() => import("./pages/login/login-page.tsx"), "LoginPage"),
});

const setup = createRoute({
  getParentRoute: () => root,
  path: "/setup",
  beforeLoad: async () => {
    if (!(await setupNeeded())) throw redirect({ to: "/login" });
  },
  component: lazyRouteComponent(() => import("./pages/setup/setup-page.tsx"), "SetupPage"),
});

/** An address to come back to, without what stands behind its `#`: a screen's token. */
export const ownHref = ({ pathname, searchStr }: { pathname: string; searchStr: string }): string =>
  pathname + searchStr;

/** Lets in who is logged on; others log in first and come back. */
async function onlyLoggedOn({
  context,
  location,
}: {
  context: { queries: QueryClient };
  location: { pathname: string; searchStr: string };
}): Promise<void> {
  const session = await context.queries.ensureQueryData(sessionQuery);
  const next = ownHref(location);
  if (!session) {
    // It was opened before anybody knew.
    feed.close();
    throw redirect({ to: "/login", search: next === "/" ? {} : { next } });
  }
  feed.open();
}

/** Pages inside the shell. Which plant one looks at stays in every address. */
const shell = createRoute({
  getParentRoute: () => root,
  id: "shell",
  beforeLoad: onlyLoggedOn,
  validateSearch: (search): { plant?: string | undefined } => ({ plant: text(search.plant) }),
  component: Shell,
});

const rangeSearch = (search: Record<string, unknown>): RangeSearch => ({
  range: oneOf(...RANGES)(search.range),
  from: text(search.from),
  to: text(search.to),
});

/** The empty one is of machines that stand in no line. */
const lineName = (value: unknown): string | undefined => (value === "" ? "" : text(value));

const plantNow = createRoute({
  getParentRoute: () => shell,
  path: "/",
  validateSearch: (search): { line?: string | undefined; abnormal?: boolean | undefined } => ({
    line: lineName(search.line),
    abnormal: flag(search.abnormal),
  }),
  component: PlantNowPage,
});

const kiosk = createRoute({
  getParentRoute: () => root,
  path: "/kiosk",
  beforeLoad: onlyLoggedOn,
  validateSearch: (search): { plant?: string | undefined; line?: string | undefined } => ({
    plant: text(search.plant),
    line: lineName(search.line),
  }),
  component: lazyRouteComponent(() => import("./pages/kiosk/kiosk-page.tsx"), "KioskPage"),
});

const machine = createRoute({
  getParentRoute: () => shell,
  path: "/machines/$machine",
  validateSearch: (
    search,
  ): RangeSearch & { show?: MachineView | undefined; kind?: string | undefined; micro?: true | undefined } => ({
    ...rangeSearch(search),
    show: oneOf(...MACHINE_VIEWS)(search.show),
    // Of events, and of stops: what else is shown of them.
    kind: text(search.kind),
    micro: flag(search.micro),
  }),
  component: lazyRouteComponent(() => import("./pages/machine/machine-page.tsx"), "MachinePage"),
});

const stops = createRoute({
  getParentRoute: () => shell,
  path: "/stops",
  validateSearch: (search): RangeSearch & { machine?: number | undefined; all?: true | undefined } => ({
    ...rangeSearch(search),
    machine: wholeNumber(search.machine),
    all: flag(search.all),
  }),
  component: lazyRouteComponent(() => import("./pages/stops/stops-page.tsx"), "StopsPage"),
});

const agents = createRoute({
  getParentRoute: () => shell,
  path: "/agents",
  component: lazyRouteComponent(() => import("./pages/agents/agents-page.tsx"), "AgentsPage"),
});

const invite = createRoute({
  getParentRoute: () => shell,
  path: "/agents/invite",
  component: lazyRouteComponent(() => import("./pages/agents/invite-page.tsx"), "InvitePage"),
});

const agent = createRoute({
  getParentRoute: () => shell,
  path: "/agents/$agent",
  component: lazyRouteComponent(() => import("./pages/agents/agent-page.tsx"), "AgentPage"),
});

const work = createRoute({
  getParentRoute: () => shell,
  path: "/work",
  validateSearch: (
    search,
  ): {
    show?: WorkView | undefined;
    state?: "open" | "resolved" | undefined;
    incident?: number | undefined;
    delivery?: string | undefined;
  } => ({
    show: oneOf(...WORK_VIEWS)(search.show),
    state: oneOf("open", "resolved")(search.state),
    incident: wholeNumber(search.incident),
    delivery: uuid(search.delivery),
  }),
  component: lazyRouteComponent(() => import("./pages/work/work-page.tsx"), "WorkPage"),
});

const recordsHome = createRoute({
  getParentRoute: () => shell,
  path: "/records",
  beforeLoad: ({ search }) => {
    throw redirect({ to: "/records/$kind", params: { kind: "machines" }, search: { plant: search.plant } });
  },
});

const records = createRoute({
  getParentRoute: () => shell,
  path: "/records/$kind",
  validateSearch: (
    search,
  ): { q?: string | undefined; status?: "retired" | "all" | undefined; open?: string | undefined } => ({
    q: text(search.q),
    status: oneOf("retired", "all")(search.status),
    open: text(search.open),
  }),
  component: lazyRouteComponent(() => import("./pages/records/records-page.tsx"), "RecordsPage"),
});

const users = createRoute({
  getParentRoute: () => shell,
  path: "/users",
  validateSearch: (search): AuditSearch & { show?: UserView | undefined } => ({
    show: oneOf(...USER_VIEWS)(search.show),
    from: text(search.from),
    to: text(search.to),
    actor: text(search.actor),
    action: text(search.action),
  }),
  component: lazyRouteComponent(() => import("./pages/users/users-page.tsx"), "UsersPage"),
});

interface AuditSearch {
  from?: string | undefined;
  to?: string | undefined;
  actor?: string | undefined;
  action?: string | undefined;
}

const tree = root.addChildren([
  login,
  setup,
  kiosk,
  shell.addChildren([plantNow, machine, stops, agents, invite, agent, work, recordsHome, records, users]),
]);

export function createPages(queries: QueryClient) {
  return createRouter({
    routeTree: tree,
    context: { queries },
    defaultPreload: "intent",
    defaultPendingComponent: Pending,
    defaultErrorComponent: Failed,
    defaultNotFoundComponent: NotFound,
    scrollRestoration: true,
  });
}

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof createPages>;
  }
}
