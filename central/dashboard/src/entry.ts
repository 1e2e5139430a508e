/**
 * Starts what takes longest first: the answer who is logged on and the stream of the board are on their way while the
 * browser still loads and reads the code that shows them.
 */
import "./main.css";
import { feed } from "./live/feed.ts";
import { requestSessionEarly, wasLoggedOn } from "./session/early.ts";
import { applyAppearance } from "./shell/appearance.ts";

applyAppearance();
if (wasLoggedOn()) {
  requestSessionEarly();
  feed.open();
}
void import("./app.tsx").then(({ start }) => start());
