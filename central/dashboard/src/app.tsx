import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { mayPass, whenLoggedOut } from "./api/client.ts";
import { feed } from "./live/feed.ts";
import { lookAgain } from "./live/look-again.ts";
import { createPages, ownHref } from "./router.tsx";
import { rememberLoggedOn } from "./session/early.ts";
import { sessionQuery } from "./session/session.ts";

/**
 * Asked and saved whatever the browser believes of the network: central may stand next to it. What cannot be saved is
 * refused at once; it is never kept to be sent some time, unseen.
 */
const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      retry: (failures, error) => failures < 2 && mayPass(error),
      networkMode: "always",
    },
    mutations: { retry: false, networkMode: "always" },
  },
});

const pages = createPages(queries);

/**
 * Nobody is logged on any more. A page in the shell waits for the log-in where it is, with what was typed into it; a
 * wall shows the log-in page, and comes back after it.
 */
function loggedOut(): void {
  const before = queries.getQueryData(sessionQuery.queryKey);
  if (before === undefined || before === null) return;
  rememberLoggedOn(false);
  feed.close();
  queries.setQueryData(sessionQuery.queryKey, null);
  leaveWall();
}

function leaveWall(): void {
  const { location } = pages.state;
  if (location.pathname !== "/kiosk") return;
  void pages.navigate({ to: "/login", search: { next: ownHref(location), expired: true }, replace: true });
}

/** The stream was refused: if nobody is logged on any more, that is why. */
async function askWhoIsLoggedOn(): Promise<void> {
  const session = await queries.fetchQuery({ ...sessionQuery, staleTime: 0, retry: false }).catch(() => undefined);
  if (session !== null) return;
  feed.close();
  leaveWall();
}

export function start(): void {
  whenLoggedOut(loggedOut);
  feed.onRefused = () => {
    if (queries.getQueryData(sessionQuery.queryKey)) void askWhoIsLoggedOn();
  };
  // The first word of a query's key is its topic.
  feed.onChanged((topics) => {
    for (const topic of topics) lookAgain(queries, { queryKey: [topic] });
  });
  // What failed meanwhile is asked again, what was shown may be old.
  feed.onMissed = () => lookAgain(queries, { predicate: ({ queryKey }) => queryKey[0] !== "session" });
  const root = document.getElementById("root");
  if (!root) return;
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={queries}>
        <RouterProvider router={pages} />
      </QueryClientProvider>
    </StrictMode>,
  );
}
