/** The page loses its network, as a tablet out of reach does or a computer whose cable is pulled. Its server runs on. */
import { expect, type Page } from "@playwright/test";

/** What Chromium writes to the console then. */
export const OUT_OF_REACH = /ERR_INTERNET_DISCONNECTED|ERR_NETWORK_CHANGED|ERR_INCOMPLETE_CHUNKED_ENCODING/;

/**
 * Chromium tells the page before it holds, and leaves open streams open: one that the page opens between the two is heard
 * for ever. So the page is told once more when it holds.
 */
export async function goOutOfReach(page: Page): Promise<void> {
  await page.context().setOffline(true);
  const isAnswered = () =>
    page.evaluate(() =>
      fetch(document.scripts[0]?.src ?? "", { cache: "no-store" }).then(
        () => true,
        () => false,
      ),
    );
  await expect.poll(isAnswered).toBe(false);
  await page.evaluate(() => window.dispatchEvent(new Event("offline")));
}

export async function comeBack(page: Page): Promise<void> {
  await page.context().setOffline(false);
}
