import type { ReactNode } from "react";
import { StopsIcon, TilesIcon } from "../parts/icons.tsx";
import type { Permission } from "../session/session.ts";

/** A place in the navigation. `key` goes there after `g`. */
export interface Destination {
  to: "/" | "/stops";
  title: string;
  icon: (props: { className?: string }) => ReactNode;
  key: string;
  needs: Permission;
}

/** In the order of the navigation; a phone shows the first four and the rest behind "More". */
export const DESTINATIONS: readonly Destination[] = [
  { to: "/", title: "Plant now", icon: TilesIcon, key: "p", needs: "read" },
  { to: "/stops", title: "Stops", icon: StopsIcon, key: "s", needs: "read" },
];
