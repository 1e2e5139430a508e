import { useQueryClient } from "@tanstack/react-query";
import { useNavigate, useRouter } from "@tanstack/react-router";
import { useCallback } from "react";
import { Problem, problemOf } from "../api/problem.ts";
import { feed } from "../live/feed.ts";
import { rememberLoggedOn } from "./early.ts";
import * as requests from "./requests.ts";
import { requestSession, sessionQuery } from "./session.ts";

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

/** The same under an open page, which goes on where it was. What was asked meanwhile and refused is asked again. */
export function useResume(name: string) {
  const queries = useQueryClient();
  return useCallback(async () => {
    rememberLoggedOn(true);
    const session = await requestSession();
    if (!session) throw new Problem(401, "Nobody is logged in", "Log in again.");
    if (session.name !== name) return location.reload();
    queries.setQueryData(sessionQuery.queryKey, session);
    feed.open();
    await queries.invalidateQueries({ predicate: ({ queryKey }) => queryKey[0] !== "session" });
  }, [queries, name]);
}

/** Throws when central did not hear it: the session is then as good as before. */
export function useLogOut() {
  const queries = useQueryClient();
  const navigate = useNavigate();
  return async () => {
    await requests.logOut().catch((problem) => {
      if (problemOf(problem).status !== 401) throw problem;
    });
    rememberLoggedOn(false);
    feed.close();
    queries.clear();
    queries.setQueryData(sessionQuery.queryKey, null);
    await navigate({ to: "/login" });
  };
}
