/** What was entered, in the language of the page. English is what the agent says. */

import type { Entry, Reason } from "../api";
import type { Texts } from "../texts/en";

export function entryText({ kind, operator, text, said }: Entry, reasons: Reason[], texts: Texts): string {
  const words = texts.entry_words;
  if (!words) return text;
  if (kind === "log_on") return texts.scans.logged_on(operator ?? "");
  if (kind === "log_off") return texts.scans.logged_off(operator ?? "");
  if (kind === "stop_split") return words.split;
  switch (said?.is) {
    case "job":
      return words.job[said.action](said.work_order);
    case "pieces": {
      const counts = texts.labels.pieces(said.good, said.scrap, said.rework);
      const why = reasons.find(({ code }) => code === said.reason)?.title ?? said.reason;
      return why === null ? counts : `${counts}: ${why}`;
    }
    case "help":
      return said.active ? words.help : words.help_over;
    case "code":
      return words.scanned(said.text);
    case undefined:
      return text;
  }
}
