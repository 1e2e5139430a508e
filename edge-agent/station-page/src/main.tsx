import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { post } from "./agent/agent";
import { Outbox } from "./agent/outbox";
import { unlockSound } from "./sound";
import { App } from "./station/app";
import { Renewed } from "./station/renewal";
import { applyChosenTheme } from "./station/theme";
import "./main.css";

const outbox = new Outbox({
  post,
  storage: localStorage,
  now: () => Date.now(),
  later: (ms, callback) => {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
});

applyChosenTheme();
unlockSound();
const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <Renewed>
        <App outbox={outbox} />
      </Renewed>
    </StrictMode>,
  );
}
