// The page in headless Chromium: what it shows, what it does, and the browser as a supervisor.
import assert from "node:assert/strict";
import test from "node:test";
import { Centre, PATIENCE, chromium, open, picture } from "./support.js";

const skip = !chromium && "no Chromium: install it, or set CHROMIUM";

/** Registers the browser, is barged in by the page's own button, and answers. */
async function supervise(page, centre, mode) {
  await page.click("#phone-register");
  await page.waitForSelector("#phone-state[data-state=registered]");
  const [call] = await centre.get("/calls");
  await page.waitForSelector(`#barge-${call.id}`);
  await page.select(`#mode-${call.id}`, mode);
  await page.click(`#barge-${call.id}`);
  await page.waitForSelector("#phone-answer");
  await page.click("#phone-answer");
  await page.waitForFunction((id) => document.querySelector(`[aria-label="call ${id}"] .leg .pill[data-state=media]`), {}, call.id);
  return call.id;
}

test("the browser is a supervisor: it registers, is barged in, hears both and is heard by both", { skip }, async (t) => {
  const centre = await Centre.start(t);
  const { page, errors } = await open(t, centre);
  const call = await supervise(page, centre, "barge");
  // Measured in what the centre received of the browser's microphone, and in what it sent.
  for (const [listener, heard] of [["agent", "customer,supervisor"], ["customer", "agent,supervisor"], ["supervisor", "agent,customer"]]) {
    await centre.get(`/calls/${call}/audibility?listener=${listener}&heard=${heard}&timeout_ms=${PATIENCE}`);
  }
  // And in what came out in the browser: its meter moves.
  await page.waitForFunction(() => Number(document.querySelector("#phone [role=meter]").ariaValueNow) > -45);
  // The matrix says the same: three listeners, two heard by each.
  await page.waitForFunction((id) => document.querySelectorAll(`#matrix-${id} td.heard`).length === 6, {}, call);
  await picture(page, "light");
  // Listening only, the browser is heard by nobody.
  const [leg] = (await centre.get("/status")).legs;
  await page.click(`#leg-${leg.id}-listen`);
  await page.waitForSelector(`#leg-${leg.id}-listen[aria-pressed=true]`);
  await centre.get(`/calls/${call}/audibility?listener=customer&heard=agent&timeout_ms=${PATIENCE}`);
  // Keys reach the centre; hanging up in the browser ends the leg.
  await page.click("#phone-call button[aria-label='key 7']");
  await page.waitForFunction(() => [...document.querySelectorAll("#timeline li.dtmf")].some((li) => li.textContent.includes("7")));
  await page.click("#phone-hangup");
  await centre.get(`/legs/${leg.id}?wait=ended&timeout_ms=${PATIENCE}`);
  await page.click("#phone-register");
  await centre.get(`/phones/supervisor?wait=unregistered&timeout_ms=${PATIENCE}`);
  assert.deepEqual(errors, []);
});

test("held, renegotiated and disturbed, the browser's call goes on", { skip }, async (t) => {
  const centre = await Centre.start(t);
  const { page, errors } = await open(t, centre);
  const call = await supervise(page, centre, "listen");
  const [leg] = (await centre.get("/status")).legs;
  await centre.ask("POST", `/legs/${leg.id}/hold`);
  await page.waitForFunction(() => document.querySelector("#phone").textContent.includes("held by the centre"));
  await centre.ask("POST", `/legs/${leg.id}/unhold`);
  await page.waitForFunction(() => document.querySelector("#phone").textContent.includes("in a call with"));
  await centre.ask("POST", `/legs/${leg.id}/reinvite-without-sdp`);
  await centre.ask("POST", `/legs/${leg.id}/codec`, { codec: "PCMU" });
  await page.waitForFunction(() => [...document.querySelectorAll("#timeline li.codec")].some((li) => li.textContent.includes("PCMU")));
  // A misbehaviour is a button that stays pressed until it is taken back.
  await page.click("#mis-loss button");
  await page.waitForSelector("#mis-loss button[aria-pressed=true]");
  await page.click("#mis-loss button");
  await page.waitForSelector("#mis-loss button[aria-pressed=false]");
  await centre.ask("POST", `/calls/${call}/audibility/reset`);
  await centre.get(`/calls/${call}/audibility?listener=supervisor&heard=agent,customer&timeout_ms=${PATIENCE}`);
  await centre.ask("DELETE", `/legs/${leg.id}`);
  await page.waitForFunction(() => document.querySelector("#phone").textContent.includes("hung up by the centre"));
  assert.deepEqual(errors, []);
});

test("two browsers are agent and customer of a call that one dials", { skip }, async (t) => {
  const centre = await Centre.start(t, "--no-call", "--phone", "agent:alice:pw", "--phone", "customer:tom:pw");
  const [alice, tom] = [await open(t, centre), await open(t, centre)];
  for (const [{ page }, id] of [[alice, "alice"], [tom, "tom"]]) {
    await page.waitForSelector(`#phone-account option[value=${id}]`);
    await page.select("#phone-account", id);
    await page.click("#phone-register");
    await page.waitForSelector("#phone-state[data-state=registered]");
  }
  await tom.page.type("#phone-number", "alice\n");
  await alice.page.waitForSelector("#phone-answer");
  await alice.page.click("#phone-answer");
  const { calls: [call] } = await centre.get("/status");
  for (const [listener, heard] of [["alice", "tom"], ["tom", "alice"]]) {
    await centre.get(`/calls/${call.id}/audibility?listener=${listener}&heard=${heard}&timeout_ms=${PATIENCE}`);
  }
  await alice.page.click("#phone-hangup");
  await tom.page.waitForFunction(() => document.querySelector("#phone").textContent.includes("hung up by the centre"));
  assert.deepEqual([...alice.errors, ...tom.errors], []);
});

test("parties join and leave, and calls are bridged, from the page", { skip }, async (t) => {
  const centre = await Centre.start(t);
  const { page, errors } = await open(t, centre);
  await page.keyboard.press("c");
  await page.waitForFunction(() => document.querySelectorAll("article.card").length === 2);
  const [first, second] = (await centre.get("/calls")).map((c) => c.id);
  await page.type(`#join-${first}`, "tone:2000");
  await page.click(`#do-join-${first}`);
  await page.waitForFunction((id) => document.querySelectorAll(`[aria-label="call ${id}"] .party`).length === 3, {}, first);
  await page.click(`[aria-label="let customer leave"]`);
  await page.waitForFunction((id) => document.querySelectorAll(`[aria-label="call ${id}"] .party`).length === 2, {}, first);
  await page.click(`#bridge-${first}`);
  await page.waitForFunction((id) => document.querySelectorAll("article.card").length === 1 && document.querySelectorAll(`[aria-label="call ${id}"] .party`).length === 4, {}, first);
  assert.equal((await centre.get(`/calls/${first}`)).parties.length, 4);
  await assert.rejects(centre.get(`/calls/${second}`), /no call/);
  await page.click(`#end-${first}`);
  await page.waitForFunction(() => document.querySelectorAll("article.card").length === 0);
  assert.deepEqual(errors, []);
});

test("it can be used by keyboard, messages open, and no secret is shown in them", { skip }, async (t) => {
  const centre = await Centre.start(t, "--no-call");
  const { page, errors } = await open(t, centre, { dark: true });
  await page.keyboard.press("c");
  await page.waitForSelector("article.card");
  await page.click("#phone-register");
  await page.waitForSelector("#phone-state[data-state=registered]");
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press("b");
  await page.waitForSelector("#phone-answer");
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press("a");
  await page.waitForSelector(".leg .pill[data-state=media]");
  // The second REGISTER carries an answer to the challenge; it is opened with Enter after a walk with the arrow.
  await page.waitForFunction(() => document.querySelectorAll("#rungs .rung").length >= 8);
  await page.focus("#rungs .rung");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  const message = await page.$eval("#message pre", (pre) => pre.textContent);
  assert.match(message, /^REGISTER sip:/);
  assert.match(message, /response="?\*\*\*/);
  await picture(page, "dark");
  await page.keyboard.press("Escape");
  assert.equal(await page.$eval("#message", (m) => m.hidden), true);
  await page.keyboard.press("?");
  assert.equal(await page.$eval("#keys", (d) => d.open), true);
  await page.keyboard.press("Escape");
  // Everything that can be pressed can be reached, and has a name.
  const nameless = await page.$$eval("button, input, select", (all) => all.filter((e) => !(e.textContent.trim() || e.ariaLabel || e.labels?.length)).map((e) => e.outerHTML));
  assert.deepEqual(nameless, []);
  // Text that a phone chose is never markup.
  await centre.ask("POST", "/calls", { agent: { name: "<img src=x onerror=document.title=1>", sound: "silence" }, customer: { sound: "silence" } });
  await page.waitForFunction(() => document.body.textContent.includes("<img src=x"));
  assert.equal(await page.title(), "contact-center");
  // What is wrong is said in the centre's words.
  await page.keyboard.press("h");
  await page.evaluate(() => document.querySelector("#new-call input").value = "yodel");
  await page.evaluate(() => document.querySelector("#new-call").requestSubmit());
  await page.waitForFunction(() => document.querySelector("#said").textContent.includes("is not a sound"));
  assert.deepEqual(errors.filter((e) => !e.includes("400")), []);
});

test("ink on paper has the contrast that people need, in light and dark", { skip }, async (t) => {
  const centre = await Centre.start(t);
  const { page } = await open(t, centre);
  for (const scheme of ["light", "dark"]) {
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    const poor = await page.evaluate(() => {
      const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
      // Any colour that CSS has, as it comes out.
      const rgba = (color) => {
        canvas.clearRect(0, 0, 1, 1);
        canvas.fillStyle = color;
        canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
      };
      const light = (color) => {
        const [r, g, b] = rgba(color).map((v) => (v / 255 <= 0.03928 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
      };
      const paper = (e) => (rgba(getComputedStyle(e).backgroundColor)[3] > 200 ? getComputedStyle(e).backgroundColor : e.parentElement ? paper(e.parentElement) : getComputedStyle(document.body).backgroundColor);
      const texts = [...document.querySelectorAll("h1, h2, h3, b, small, button, label, .dim, .role, .pill, td, th, li span")].filter((e) => e.textContent.trim() && e.offsetParent);
      const ratio = (e) => {
        const [a, b] = [light(getComputedStyle(e).color), light(paper(e))].sort((x, y) => y - x);
        return (a + 0.05) / (b + 0.05);
      };
      return texts.map((e) => [ratio(e), e.textContent.trim().slice(0, 30)]).filter(([r]) => r < 4.5);
    });
    assert.deepEqual(poor, [], scheme);
  }
});
