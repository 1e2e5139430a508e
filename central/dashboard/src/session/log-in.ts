import { useQueryClient } from "@tanstack/react-query";
import { useNavigate, useRouter } from "@tanstack/react-router";
import { feed } from "../live/feed.ts";
import { rememberLoggedOn } from "./early.ts";
import * as requests from "./requests.ts";
import { sessionQuery } from "./session.ts";

export const PASSWORD_MIN_CHARACTERS = 10;

/** An address of these pages to go back to; never one that leads elsewhere. */
export const ownAddress = (text: string | undefined): string =>
  text !== undefined && /^\/(?![/\\])/.test(text) && !text.startsWith("/login") ? text : "/";

/** After the server accepted somebody: who that is, what is live, and back to where they wanted to be. */
export function useEnter() {
  const queries = useQueryClient();
  const router = useRouter();
  return async (next: string | undefined) => {
    rememberLoggedOn(true);
    queries.clear();
    await queries.fetchQuery(sessionQuery);
    feed.open();
    router.history.replace(ownAddress(next));
  };
}

export function useLogOut() {
  const queries = useQueryClient();
  const navigate = useNavigate();
  return async () => {
    await requests.logOut().catch(() => undefined);
    rememberLoggedOn(false);
    feed.close();
    queries.clear();
    queries.setQueryData(sessionQuery.queryKey, null);
    await navigate({ to: "/login" });
  };
}
