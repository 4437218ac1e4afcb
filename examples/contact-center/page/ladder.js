// The ladder: a lane for each phone and one for the centre, an arrow for each SIP message.
import { el } from "./dom.js";

/** Messages shown; the oldest go first. */
const MOST = 500;

export class Ladder {
  constructor(lanes, rows, message) {
    Object.assign(this, { lanes, rows, message, peers: [], names: {}, seen: 0 });
    rows.addEventListener("keydown", (e) => this.key(e));
    message.addEventListener("keydown", (e) => e.key === "Escape" && this.close());
  }

  add(entries) {
    if (entries.length === 0) return;
    const stick = this.rows.scrollHeight - this.rows.scrollTop - this.rows.clientHeight < 60;
    for (const entry of entries) {
      this.seen = entry.seq;
      // A connection is given the name of its phone once that is known.
      const before = this.peerOf(entry);
      if (entry.peer) this.names[entry.connection] = entry.peer;
      const peer = this.peerOf(entry), at = this.peers.indexOf(before);
      if (at >= 0 && before !== peer) {
        if (this.peers.includes(peer)) this.peers.splice(at, 1);
        else this.peers[at] = peer;
      } else if (!this.peers.includes(peer)) this.peers.push(peer);
      this.rows.append(this.row(entry));
    }
    while (this.rows.children.length > MOST) this.rows.firstChild.remove();
    this.head();
    if (stick) this.rows.scrollTop = this.rows.scrollHeight;
  }

  head() {
    const key = this.peers.join("\n");
    if (this.shown === key) return;
    this.shown = key;
    this.lanes.replaceChildren(el("span"), el("b", { textContent: "centre" }), ...this.peers.map((p) => el("b", { textContent: p })));
    const columns = `5.2rem repeat(${this.peers.length + 1}, minmax(6.5rem, 1fr))`;
    this.lanes.parentElement.style.setProperty("--lanes", columns);
    for (const row of this.rows.children) this.place(row);
  }

  peerOf(entry) {
    return this.names[entry.connection] ?? `connection ${entry.connection}`;
  }

  /** Lane of a phone; the centre has the first. */
  place(row) {
    const entry = row.entry;
    const lane = Math.max(0, this.peers.indexOf(this.peerOf(entry)));
    row.lastChild.style.gridColumn = `2 / ${lane + 4}`;
    row.lastChild.style.setProperty("--half", `${50 / (lane + 2)}%`);
  }

  row(entry) {
    const short = entry.start_line.replace(/^SIP\/2\.0 /, "").replace(/ sips?:\S+ SIP\/2\.0$/, "");
    const kind = /^SIP\/2\.0 [3-6]/.test(entry.start_line) ? "refusal" : /^SIP\/2\.0 2/.test(entry.start_line) ? "success" : "plain";
    const label = `${(entry.at_ms / 1000).toFixed(3)} s, ${entry.way === "in" ? "from" : "to"} ${entry.peer || `connection ${entry.connection}`}: ${short}`;
    const row = el("button", { type: "button", className: `rung ${kind}`, ariaLabel: label, onclick: () => this.open(row) },
      el("time", { textContent: (entry.at_ms / 1000).toFixed(3) }),
      el("span", { className: `arrow ${entry.way}` }, el("span", { textContent: short })));
    row.entry = entry;
    this.place(row);
    return row;
  }

  open(row) {
    this.opened?.removeAttribute("aria-current");
    this.opened = row;
    row.setAttribute("aria-current", "true");
    this.message.hidden = false;
    this.message.querySelector("h3").textContent = row.getAttribute("aria-label");
    this.message.querySelector("pre").textContent = row.entry.text;
  }

  close() {
    this.message.hidden = true;
    this.opened?.removeAttribute("aria-current");
    this.opened?.focus();
  }

  key(e) {
    const row = e.target.closest(".rung");
    const next = { ArrowDown: "nextElementSibling", ArrowUp: "previousElementSibling" }[e.key];
    if (e.key === "Escape") return this.close();
    if (!row || !next || !row[next]) return;
    e.preventDefault();
    row[next].focus();
    if (!this.message.hidden) this.open(row[next]);
  }
}
