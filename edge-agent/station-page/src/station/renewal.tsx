/**
 * A page in a hall stays open for months. When the agent was updated meanwhile, the page is opened anew: what it says to the
 * agent, and what the agent says to it, may have changed. And a page that failed does not stay so until somebody comes.
 */

import { Component, type ReactNode, useEffect, useState } from "react";
import { programOf, servedProgram } from "../agent/agent";
import { languageOf, TEXTS } from "../texts/language";
import { Opening } from "./opening";

/** Of this tab: what it was opened anew for, so that it is for each program once. */
const RENEWED_FOR = "station.renewed_for";
const REOPEN_MS = 10_000;

/** Opens the page anew for another program, once nothing is under way. Looks whenever the agent `answers` again. */
export function useRenewal(answers: boolean, isIdle: boolean): void {
  const [isOutgrown, setOutgrown] = useState(false);
  useEffect(() => {
    if (!answers) return;
    void servedProgram().then((served) => {
      if (served === null || served === programOf(document.head.innerHTML)) return;
      if (sessionStorage.getItem(RENEWED_FOR) === served) return;
      sessionStorage.setItem(RENEWED_FOR, served);
      setOutgrown(true);
    });
  }, [answers]);
  useEffect(() => {
    if (isOutgrown && isIdle) location.reload();
  }, [isOutgrown, isIdle]);
}

/** Entries that were not stored yet are kept by the browser and sent by the page that follows. */
export class Renewed extends Component<{ children: ReactNode }, { hasFailed: boolean }> {
  override state = { hasFailed: false };

  static getDerivedStateFromError() {
    return { hasFailed: true };
  }

  override componentDidCatch() {
    setTimeout(() => location.reload(), REOPEN_MS);
  }

  override render() {
    return this.state.hasFailed ? <Opening texts={TEXTS[languageOf(null)]} fails /> : this.props.children;
  }
}
