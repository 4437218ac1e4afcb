// The page of the contact centre: what is there, what is heard, what can be done.
import { act, ask, button, draw, el } from "./dom.js";
import { Ladder } from "./ladder.js";
import { Phone } from "./phone.js";

const $ = (id) => document.getElementById(id);
const ladder = new Ladder($("lanes"), $("rungs"), $("message"));
const phone = new Phone($("phone"));
let status = null, known = [], lastEvent = 0;
/** Choices that outlive a redrawing. */
const chosen = { supervisor: {}, mode: {}, layout: {} };

const percent = (dbfs) => Math.max(0, Math.min(100, (dbfs + 60) / 0.6));
const meter = (id, label) => el("div", { id, className: "meter", role: "meter", ariaLabel: label, ariaValueMin: "-60", ariaValueMax: "0" }, el("i"));

function select(kind, call, options, label) {
  const list = el("select", { id: `${kind}-${call}`, ariaLabel: label, onchange: () => (chosen[kind][call] = list.value) }, ...options.map((o) => el("option", { value: o, textContent: o })));
  if (options.includes(chosen[kind][call])) list.value = chosen[kind][call];
  return list;
}

function barge(call) {
  const body = { supervisor: $(`supervisor-${call}`).value, mode: $(`mode-${call}`).value, layout: $(`layout-${call}`).value };
  return act("POST", `/calls/${call}/barge`, body);
}

function partyRow(call, party) {
  const name = party.name;
  return el("div", { className: "party" },
    el("span", { className: `role ${party.role}`, textContent: party.role }),
    el("span", { className: "name" }, el("b", { textContent: name }), el("small", { className: "dim", textContent: ` ${party.sound}` })),
    meter(`says-${call}-${name}`, `level of ${name}`),
    button("Leave", () => act("DELETE", `/calls/${call}/parties/${encodeURIComponent(name)}`), { className: "quiet", ariaLabel: `let ${name} leave` }));
}

function legRow(leg) {
  const path = `/legs/${leg.id}`;
  const mode = (m) => button(m, () => act("POST", `${path}/mode`, { mode: m }), { id: `leg-${leg.id}-${m}`, ariaPressed: String(leg.mode === m), className: "mode" });
  const held = leg.held_by_centre || leg.held_by_phone;
  const supervises = leg.role === "supervisor";
  return el("div", { className: "leg" },
    el("div", { className: "party" },
      el("span", { className: `role ${leg.role}`, textContent: leg.role }),
      el("span", { className: "name" }, el("b", { textContent: leg.supervisor }), el("small", { className: "dim", textContent: ` leg ${leg.id}` })),
      supervises ? meter(`says-${leg.call}-${leg.supervisor}`, `level of ${leg.supervisor}`) : el("span"),
      el("span", { className: "pill", dataset: { state: leg.stage }, textContent: held ? `${leg.stage}, held` : leg.stage })),
    el("div", { className: "row" },
      ...(supervises ? status.modes.map(mode) : []),
      button(leg.held_by_centre ? "Unhold" : "Hold", () => act("POST", `${path}/${leg.held_by_centre ? "unhold" : "hold"}`), { className: "quiet" }),
      button("Codec PCMU", () => act("POST", `${path}/codec`, { codec: "PCMU" }), { className: "quiet" }),
      button("Hang up", () => act("DELETE", path), { id: `hangup-${leg.id}`, className: "bad" })));
}

/** Brings one more party in, or another call. */
function joinRow(call, others) {
  const sound = el("input", { id: `join-${call}`, size: 16, placeholder: "speech", ariaLabel: "sound of one more party" });
  sound.setAttribute("list", "sounds");
  const role = el("select", { id: `join-role-${call}`, ariaLabel: "role of one more party" }, el("option", { textContent: "agent" }), el("option", { textContent: "customer" }));
  const join = () => act("POST", `/calls/${call}/parties`, { name: `${role.value} ${Date.now() % 100000}`, role: role.value, sound: sound.value || "speech" });
  const row = el("div", { className: "row ask" }, role, sound, button("Join", join, { id: `do-join-${call}` }));
  if (others.length) {
    const other = el("select", { id: `other-${call}`, ariaLabel: "call to bridge with" }, ...others.map((id) => el("option", { value: id, textContent: `call ${id}` })));
    row.append(other, button("Bridge", () => act("POST", `/calls/${call}/bridge`, { call: Number(other.value) }), { id: `bridge-${call}` }));
  }
  return row;
}

function callCard({ call, legs, supervisors, layouts, others }) {
  const first = call.parties.length ? call.parties.map((p) => p.name).join(" and ") : "waits for a call's number";
  return el("article", { className: "card", ariaLabel: `call ${call.id}` },
    el("header", { className: "row" }, el("h3", { textContent: `Call ${call.id}` }), el("span", { className: "dim", textContent: first }), el("span", { className: "push" }),
      button("End call", () => act("DELETE", `/calls/${call.id}`), { id: `end-${call.id}`, className: "bad" })),
    ...call.parties.map((p) => partyRow(call.id, p)),
    ...legs.map(legRow),
    el("div", { className: "row ask" },
      select("supervisor", call.id, supervisors, "supervisor to ask in"), select("mode", call.id, status.modes, "mode"), select("layout", call.id, layouts, "layout"),
      button("Barge", () => barge(call.id), { id: `barge-${call.id}`, className: "good" })),
    joinRow(call.id, others),
    el("table", { id: `matrix-${call.id}`, className: "matrix", ariaLabel: "who hears whom, dBFS" }));
}

function calls() {
  const supervisors = [...status.supervisors].sort((a, b) => b.registered - a.registered).map((s) => s.id);
  const legs = status.legs.map(({ id, call, supervisor, role, mode, stage, held_by_centre, held_by_phone }) => ({ id, call, supervisor, role, mode, stage, held_by_centre, held_by_phone }));
  const shown = status.calls.map(({ id, parties }) => ({ call: { id, parties }, legs: legs.filter((l) => l.call === id), supervisors, layouts: ["mixed", "stereo", "apart"], others: status.calls.map((c) => c.id).filter((other) => other !== id) }));
  draw($("calls"), shown, (list) => (list.length ? list.map(callCard) : [el("p", { className: "dim", textContent: "No call is up. Begin one above." })]));
}

function matrix(id, { ears, now }) {
  const table = $(`matrix-${id}`);
  if (!table) return;
  const names = ears.map((e) => e.listener);
  const cell = (ear, name, i) => {
    const heard = ear.speakers[name];
    if (!heard) return el("td", { className: "self" });
    const level = now[i]?.speakers[name]?.level_dbfs ?? -127;
    const td = el("td", { className: heard.heard ? "heard" : "not", textContent: heard.heard ? heard.level_dbfs.toFixed(1) : "–", title: `${ear.listener} ${heard.heard ? "hears" : "does not hear"} ${name}: gain ${heard.gain_db.toFixed(1)} dB` });
    td.style.setProperty("--now", heard.heard ? percent(level) / 100 : 0);
    return td;
  };
  table.replaceChildren(
    el("thead", {}, el("tr", {}, el("th", { textContent: "hears →" }), ...names.map((n) => el("th", { textContent: n })))),
    el("tbody", {}, ...ears.map((ear, i) => el("tr", {}, el("th", { textContent: ear.listener }), ...names.map((n) => cell(ear, n, i))))));
}

function sounds() {
  for (const [id, sound] of Object.entries(status.sound)) {
    for (const { name, says_dbfs } of sound.levels) {
      const bar = $(`says-${id}-${name}`);
      if (!bar) continue;
      bar.firstChild.style.width = `${percent(says_dbfs)}%`;
      bar.classList.toggle("hot", says_dbfs > -6);
      bar.ariaValueNow = says_dbfs.toFixed(0);
    }
    matrix(id, sound);
  }
}

function about() {
  draw($("about"), [status.ws, status.wss, status.http, status.dialect, status.credentials, status.supervisors], () => [
    el("code", { textContent: status.ws }), el("code", { textContent: status.wss }),
    ...status.credentials.map((c) => {
      const registered = status.supervisors.find((s) => s.id === c.id)?.registered;
      return el("span", { className: "pill", dataset: { state: registered ? "registered" : "offline" }, title: registered ? "registered" : "not registered", textContent: `${c.id} / ${c.password}` });
    }),
    el("span", { className: "dim", textContent: `keys: ${status.dialect}` })]);
  const { frames, late, threads } = status.clock;
  const count = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;
  $("clock").textContent = `${count(status.calls.length, "call")}, ${count(status.legs.length, "leg")}, ${late} of ${frames} media frames late on ${threads} threads`;
}

function misbehave(m, row) {
  const body = { name: m.name };
  for (const pair of (row.querySelector("input")?.value ?? "").split(",").filter(Boolean)) {
    const [key, value] = pair.split("=");
    body[key.trim()] = value === "true" ? true : value === "false" ? false : Number.isNaN(Number(value)) ? value : Number(value);
  }
  const times = Number($("times").value);
  if (m.standing && times > 0) body.times = times;
  return act("POST", "/misbehaviours", body);
}

function misbehaviours() {
  for (const m of known) {
    const row = $(`mis-${m.name}`), standing = status.misbehaviours.find((s) => s.name === m.name);
    const pressed = row.querySelector("button");
    if (m.standing) pressed.ariaPressed = String(Boolean(standing));
    row.querySelector(".left").textContent = standing?.times ? `${standing.times}×` : "";
  }
}

function misbehaviourRows() {
  $("misbehaviours").replaceChildren(...known.map((m) => {
    const toggle = () => (status.misbehaviours.some((s) => s.name === m.name) ? act("DELETE", `/misbehaviours/${m.name}`) : misbehave(m, row));
    const row = el("div", { id: `mis-${m.name}`, className: "mis" },
      button(m.name, toggle, { title: m.doc, ariaDescription: m.doc }),
      m.arguments ? el("input", { value: m.arguments, ariaLabel: `numbers of ${m.name}` }) : el("small", { className: "dim", textContent: m.doc }),
      el("small", { className: "left" }));
    return row;
  }));
}

function timeline(entries) {
  const list = $("timeline"), stick = list.scrollHeight - list.scrollTop - list.clientHeight < 60;
  for (const e of entries) {
    lastEvent = e.seq;
    list.append(el("li", { className: e.kind }, el("time", { textContent: (e.at_ms / 1000).toFixed(3) }), el("b", { textContent: e.kind }), el("span", { textContent: `${e.call ? `call ${e.call}${e.leg ? `, leg ${e.leg}` : ""}: ` : ""}${e.text}` })));
  }
  while (list.children.length > 500) list.firstChild.remove();
  if (entries.length && stick) list.scrollTop = list.scrollHeight;
}

async function refresh() {
  status = await ask("GET", `/live?ladder_after=${ladder.seen}&timeline_after=${lastEvent}`);
  about();
  phone.accounts(status);
  calls();
  sounds();
  misbehaviours();
  ladder.add(status.ladder);
  timeline(status.timeline);
  // From now on the keys do something.
  document.body.classList.add("live");
}

$("new-call").onsubmit = (e) => {
  e.preventDefault();
  const fields = e.target.elements, n = Date.now() % 100000;
  const taken = (name) => status?.calls.some((c) => c.parties.some((p) => p.name === name));
  const party = (role) => ({ name: taken(role) ? `${role} ${n}` : role, sound: fields[role].value });
  act("POST", "/calls", { agent: party("agent"), customer: party("customer") });
};

/** Keys for what is done often; none while something is typed. */
const newest = () => status?.calls.at(-1)?.id;
const leg = () => status?.legs.at(-1);
const KEYS = {
  c: ["begin a call", () => $("new-call").requestSubmit()],
  b: ["barge into the newest call", () => newest() && barge(newest())],
  1: ["listen", () => leg() && act("POST", `/legs/${leg().id}/mode`, { mode: "listen" })],
  2: ["whisper", () => leg() && act("POST", `/legs/${leg().id}/mode`, { mode: "whisper" })],
  3: ["barge", () => leg() && act("POST", `/legs/${leg().id}/mode`, { mode: "barge" })],
  h: ["hang up the newest leg", () => leg() && act("DELETE", `/legs/${leg().id}`)],
  a: ["answer in this browser", () => phone.current?.incoming && !phone.current.answered && phone.answer()],
  "?": ["show the keys", () => ($("keys").open ? $("keys").close() : $("keys").showModal())],
};
document.addEventListener("keydown", (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(e.target.tagName)) return;
  const known = KEYS[e.key];
  if (known && status) {
    e.preventDefault();
    known[1]();
  }
});
$("key-list").append(...Object.entries(KEYS).flatMap(([key, [what]]) => [el("dt", {}, el("kbd", { textContent: key })), el("dd", { textContent: what })]));
$("show-keys").onclick = KEYS["?"][1];
$("close-message").onclick = () => ladder.close();

async function forever(work, pause) {
  for (;;) {
    try {
      await work();
      document.body.classList.remove("lost");
    } catch (e) {
      document.body.classList.add("lost");
      $("said").textContent = `the centre does not answer: ${e.message}`;
    }
    await new Promise((done) => setTimeout(done, pause));
  }
}

known = (await ask("GET", "/misbehaviours")).known;
misbehaviourRows();
forever(refresh, 150);
