/**
 * The first page of the dashboard as somebody gets it who is logged in, with nothing in the browser's cache and a
 * processor four times slower than this one: when the first number is on the screen, and what came over the wire.
 *
 * Plain JavaScript, so that `bench` starts it with Node.js alone. Asks the environment for ADDRESS, NAME, PASSWORD and
 * RUNS, and prints one line of JSON.
 */
import { chromium } from "@playwright/test";

const SLOWDOWN = 4;
const NUMBER_WITHIN_MS = 30_000;
/** After the number: what the page still loads counts as well. */
const QUIET_AFTER_MS = 1_000;
const VIEWPORT = { width: 1440, height: 900 };

/**
 * @typedef {{ number_ms: number, first_paint_ms: number, bytes: number, requests: number }} Load
 * @typedef {{ first_number_ms?: number }} Watched
 */

/** Runs in the page before anything of it: notes when a frame with a number in the page's main part was shown. */
function watchForNumber() {
  const shown = () => {
    const main = document.querySelector("main");
    if (!main) return false;
    const texts = document.createTreeWalker(main, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      if (/^\s*\d[\d.,\s]*$/.test(texts.currentNode.textContent ?? "")) return true;
    }
    return false;
  };
  const observer = new MutationObserver(() => {
    if (!shown()) return;
    observer.disconnect();
    // A message sent before a frame is painted arrives after it.
    requestAnimationFrame(() => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => {
        /** @type {Watched} */ (window).first_number_ms = performance.now();
      };
      port2.postMessage(null);
    });
  });
  observer.observe(document, { childList: true, subtree: true, characterData: true });
}

/**
 * What came over the wire, headers included. The stream of events never ends: its parts count as they come.
 * @param {import("@playwright/test").CDPSession} devtools
 */
async function meter(devtools) {
  /** @type {Map<string, number>} */
  const bytes = new Map();
  devtools.on("Network.responseReceived", ({ requestId, response }) => {
    bytes.set(requestId, response.encodedDataLength);
  });
  devtools.on("Network.dataReceived", ({ requestId, encodedDataLength }) => {
    bytes.set(requestId, (bytes.get(requestId) ?? 0) + encodedDataLength);
  });
  devtools.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    bytes.set(requestId, encodedDataLength);
  });
  await devtools.send("Network.enable");
  return bytes;
}

/**
 * @param {import("@playwright/test").Browser} browser
 * @param {string} address
 * @param {{ name: string, password: string }} user
 */
async function loggedIn(browser, address, user) {
  const context = await browser.newContext({ viewport: VIEWPORT });
  const page = await context.newPage();
  await page.goto(address);
  await page.getByLabel("Name").fill(user.name);
  await page.getByLabel("Password").fill(user.password);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("heading", { name: "Plant now" }).waitFor();
  const state = await context.storageState();
  await context.close();
  return state;
}

/**
 * @param {import("@playwright/test").Browser} browser
 * @param {string} address
 * @param {Awaited<ReturnType<typeof loggedIn>>} storageState
 * @returns {Promise<Load>}
 */
async function load(browser, address, storageState) {
  // Its own cache, and nothing in it.
  const context = await browser.newContext({ viewport: VIEWPORT, storageState });
  try {
    const page = await context.newPage();
    await page.addInitScript(watchForNumber);
    const devtools = await context.newCDPSession(page);
    const bytes = await meter(devtools);
    await devtools.send("Emulation.setCPUThrottlingRate", { rate: SLOWDOWN });
    await page.goto(address, { waitUntil: "commit" });
    const number = await page.waitForFunction(() => /** @type {Watched} */ (window).first_number_ms, undefined, {
      timeout: NUMBER_WITHIN_MS,
      polling: 200,
    });
    await page.waitForTimeout(QUIET_AFTER_MS);
    return {
      number_ms: (await number.jsonValue()) ?? Number.NaN,
      first_paint_ms: await page.evaluate(
        () => performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0,
      ),
      bytes: Array.from(bytes.values()).reduce((sum, some) => sum + some, 0),
      requests: bytes.size,
    };
  } finally {
    await context.close();
  }
}

const { ADDRESS = "", NAME = "", PASSWORD = "", RUNS = "1", CHROMIUM = "/usr/bin/chromium" } = process.env;
const browser = await chromium.launch({
  executablePath: CHROMIUM,
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"],
});
try {
  const state = await loggedIn(browser, ADDRESS, { name: NAME, password: PASSWORD });
  /** @type {Load[]} */
  const loads = [];
  for (let run = 0; run < Number(RUNS); run += 1) loads.push(await load(browser, ADDRESS, state));
  process.stdout.write(`${JSON.stringify(loads)}\n`);
} finally {
  await browser.close();
}
