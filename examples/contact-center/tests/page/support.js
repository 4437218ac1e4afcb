// A centre as a child process, and a browser with the page.
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import readline from "node:readline";
import puppeteer from "puppeteer-core";

/** Ms after which a wait has failed. Generous: machines that run tests are busy. */
export const PATIENCE = 30_000;

export class Centre {
  static async start(t, ...args) {
    const child = spawn(process.env.MONIPY_CONTACT_CENTER, ["--json", "--exit-with-stdin", ...args], { stdio: ["pipe", "pipe", "inherit"] });
    const gone = new Promise((done) => child.once("close", done));
    t.after(async () => {
      child.stdin.end();
      await gone;
    });
    const lines = readline.createInterface({ input: child.stdout });
    const about = JSON.parse(await new Promise((done) => lines.once("line", done)));
    return Object.assign(new Centre(), { about, child, gone });
  }

  async ask(method, path, body) {
    const answer = await fetch(this.about.http + path, { method, body: body && JSON.stringify(body) });
    const value = await answer.json();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${value.error}`);
    return value;
  }

  get(path) {
    return this.ask("GET", path);
  }
}

export const chromium = process.env.CHROMIUM ?? ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);

/** The page in a browser of its own, with a microphone that beeps; errors of the page fail the test. */
export async function open(t, centre, { dark = false, width = 1440, height = 1100 } = {}) {
  const browser = await puppeteer.launch({
    executablePath: chromium,
    args: ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--allow-loopback-in-peer-connection", "--autoplay-policy=no-user-gesture-required", "--disable-features=WebRtcHideLocalIpsWithMdns"],
  });
  t.after(() => browser.close());
  const page = await browser.newPage();
  const errors = [];
  page.on("pageerror", (e) => errors.push(e.message));
  page.on("console", (m) => m.type() === "error" && errors.push(m.text()));
  page.setDefaultTimeout(PATIENCE);
  await page.setViewport({ width, height });
  await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: dark ? "dark" : "light" }]);
  await page.goto(`${centre.about.http}/`);
  await page.waitForSelector("body.live #misbehaviours button");
  return { page, errors };
}

/** A picture, when somebody asked for pictures. */
export async function picture(page, name) {
  if (process.env.PICTURES) await page.screenshot({ path: `${process.env.PICTURES}/${name}.png`, fullPage: true });
}
