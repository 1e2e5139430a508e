/**
 * The token of a screen on a wall, to which nobody logs on: `/kiosk#token=central_…`. A browser sends what stands behind
 * the `#` nowhere. It is kept as long as the page is open, and goes along with every question of the page.
 */
const BEGINS = "#token=";

let token = tokenOf(globalThis.location);

export function tokenOf(address: { pathname: string; hash: string } | undefined): string | undefined {
  if (address?.pathname !== "/kiosk" || !address.hash.startsWith(BEGINS)) return undefined;
  return address.hash.slice(BEGINS.length);
}

export const isScreen = (): boolean => token !== undefined;

/** For a request of this page. */
export const screenHeaders = (): { authorization?: string } =>
  token === undefined ? {} : { authorization: `Bearer ${token}` };

/** Central does not take it any more: somebody has to log on, or to open another address. */
export function forgetScreenToken(): void {
  token = undefined;
}

/** What a screen is to open. */
export const screenAddress = (origin: string, secret: string, plant: string | undefined): string =>
  `${origin}/kiosk${plant === undefined ? "" : `?plant=${encodeURIComponent(plant)}`}${BEGINS}${secret}`;
