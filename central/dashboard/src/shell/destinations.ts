import type { ReactNode } from "react";
import { AgentsIcon, RecordsIcon, StopsIcon, TilesIcon, UsersIcon, WorkIcon } from "../parts/icons.tsx";
import type { Permission } from "../session/session.ts";

/** A place in the navigation. `key` goes there after `g`. */
export interface Destination {
  to: "/" | "/stops" | "/agents" | "/work" | "/records" | "/users";
  title: string;
  icon: (props: { className?: string }) => ReactNode;
  key: string;
  needs: Permission;
}

/** In the order of the navigation; a phone shows the first four and the rest behind "More". */
export const DESTINATIONS: readonly Destination[] = [
  { to: "/", title: "Plant now", icon: TilesIcon, key: "p", needs: "read" },
  { to: "/stops", title: "Stops", icon: StopsIcon, key: "s", needs: "read" },
  { to: "/agents", title: "Agents", icon: AgentsIcon, key: "a", needs: "read" },
  { to: "/work", title: "Work", icon: WorkIcon, key: "w", needs: "read" },
  { to: "/records", title: "Master data", icon: RecordsIcon, key: "m", needs: "read" },
  { to: "/users", title: "Users", icon: UsersIcon, key: "u", needs: "users:write" },
];
