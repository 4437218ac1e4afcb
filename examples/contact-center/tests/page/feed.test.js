// The voice feed with the real socket.io client: the vendor's event barges a supervisor in.
import assert from "node:assert/strict";
import test from "node:test";
import { io } from "socket.io-client";
import { Centre, PATIENCE, chromium, open } from "./support.js";

const EVENT = "admin-call-globalbarging";
const once = (socket, event) => new Promise((done) => socket.once(event, done));

function client(t, centre, token, transports) {
  const socket = io(centre.about.http, { query: { token }, transports, reconnection: false, timeout: PATIENCE });
  t.after(() => socket.close());
  return socket;
}

for (const transports of [["websocket"], ["polling"], ["polling", "websocket"]]) {
  test(`over ${transports.join(" then ")}: what is wrong is answered in a sentence`, async (t) => {
    const centre = await Centre.start(t);
    const socket = client(t, centre, centre.about.feed_token, transports);
    await once(socket, "connect");
    const [call] = await centre.get("/calls");
    const ask = (payload) => socket.timeout(PATIENCE).emitWithAck(EVENT, payload);
    const told = once(socket, EVENT);
    const answer = await ask({ uuid: call.labels.uuid, to: "supervisor" });
    assert.equal(answer.code, 409);
    assert.match(answer.status, /has to log in/);
    // Said as an event too, for clients that ask for no acknowledgement.
    assert.deepEqual(await told, answer);
    assert.match((await ask({ uuid: "no-such-call", to: "supervisor" })).status, /there is no call/);
    assert.match((await ask({ uuid: call.labels.uuid, to: "nobody" })).status, /there is no supervisor/);
    assert.match((await ask({ uuid: 7 })).status, /wants \{uuid, to\}/);
    assert.match((await ask("nonsense")).status, /wants \{uuid, to\}/);
  });
}

test("a wrong token is refused", async (t) => {
  const centre = await Centre.start(t);
  const error = await once(client(t, centre, "wrong", ["websocket"]), "connect_error");
  assert.match(error.message, /token is wrong/);
});

test("the event calls the supervisor, who answers in a browser and is barged in", { skip: !chromium && "no Chromium" }, async (t) => {
  const centre = await Centre.start(t, "--feed-token", "open-sesame");
  const { page, errors } = await open(t, centre);
  await page.click("#phone-auto");
  await page.click("#phone-register");
  await page.waitForSelector("#phone-state[data-state=registered]");
  const socket = client(t, centre, "open-sesame", ["polling", "websocket"]);
  await once(socket, "connect");
  const [call] = await centre.get("/calls");
  const answer = await socket.timeout(PATIENCE).emitWithAck(EVENT, { uuid: call.labels.uuid, to: "supervisor" });
  assert.equal(answer.code, 200);
  const leg = await centre.get(`/legs/${answer.leg}?wait=media&timeout_ms=${PATIENCE}`);
  assert.equal(leg.mode, "barge");
  await centre.get(`/calls/${call.id}/audibility?listener=customer&heard=agent,supervisor&timeout_ms=${PATIENCE}`);
  assert.deepEqual(errors, []);
});
