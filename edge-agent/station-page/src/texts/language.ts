/** Which language the page speaks: each operator's own, else the station's last, else the browser's. */

import { de } from "./de";
import { en, type Texts } from "./en";

export type Language = "en" | "de";
export const TEXTS: Record<Language, Texts> = { en, de };

const KEY = "station.language";
const keyOf = (operator: string | null) => (operator === null ? KEY : `${KEY}.${operator}`);

export function languageOf(operator: string | null): Language {
  const chosen = localStorage.getItem(keyOf(operator)) ?? localStorage.getItem(KEY);
  if (chosen === "en" || chosen === "de") return chosen;
  return navigator.language.startsWith("de") ? "de" : "en";
}

export function chooseLanguage(operator: string | null, language: Language): void {
  localStorage.setItem(keyOf(operator), language);
  if (operator === null) localStorage.setItem(KEY, language);
}
