/** How this browser shows the pages: kept here, not on the server, because a wall and a phone differ. */

export type Theme = "system" | "light" | "dark";
export type Palette = "calm" | "lamps";

const read = (key: string): string | null => localStorage.getItem(key);

export const currentTheme = (): Theme => {
  const theme = read("theme");
  return theme === "light" || theme === "dark" ? theme : "system";
};

export const currentPalette = (): Palette => (read("palette") === "lamps" ? "lamps" : "calm");

export function chooseTheme(theme: Theme): void {
  localStorage.setItem("theme", theme);
  applyAppearance();
}

export function choosePalette(palette: Palette): void {
  localStorage.setItem("palette", palette);
  applyAppearance();
}

export function applyAppearance(): void {
  const { dataset } = document.documentElement;
  const theme = currentTheme();
  if (theme === "system") delete dataset.theme;
  else dataset.theme = theme;
  if (currentPalette() === "calm") delete dataset.palette;
  else dataset.palette = "lamps";
}
