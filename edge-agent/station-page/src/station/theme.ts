/** Light or dark: the computer's setting until somebody chooses. */

const KEY = "station.theme";

export type Theme = "light" | "dark";

export function currentTheme(): Theme {
  const chosen = localStorage.getItem(KEY);
  if (chosen === "light" || chosen === "dark") return chosen;
  return matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
}

export function chooseTheme(theme: Theme): void {
  localStorage.setItem(KEY, theme);
  document.documentElement.dataset.theme = theme;
}

/** What was chosen before; otherwise the computer's setting stays in charge, also when it changes at dusk. */
export function applyChosenTheme(): void {
  if (localStorage.getItem(KEY)) document.documentElement.dataset.theme = currentTheme();
}
