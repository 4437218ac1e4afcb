// A small SIP user agent over WebSocket (RFC 7118): enough to register, be called, call, and hang up.
// The transport is reliable and the server is the centre, so that nothing is sent twice.
import { md5 } from "./md5.js";

const COMPACT = { v: "via", f: "from", t: "to", i: "call-id", m: "contact", l: "content-length", c: "content-type", k: "supported" };
const token = () => Array.from(crypto.getRandomValues(new Uint8Array(8)), (b) => b.toString(36)).join("").slice(0, 12);

/** A SIP message, read. */
export class Message {
  constructor(text) {
    const end = text.indexOf("\r\n\r\n");
    const head = (end < 0 ? text : text.slice(0, end)).replace(/\r\n[ \t]+/g, " ").split("\r\n");
    this.body = end < 0 ? "" : text.slice(end + 4);
    this.startLine = head[0];
    const response = /^SIP\/2\.0 (\d{3}) ?(.*)$/.exec(head[0]);
    this.status = response ? Number(response[1]) : 0;
    this.reason = response ? response[2] : "";
    this.method = response ? "" : head[0].split(" ")[0];
    this.headers = head.slice(1).map((line) => {
      const colon = line.indexOf(":");
      const name = line.slice(0, colon).trim().toLowerCase();
      return [COMPACT[name] ?? name, line.slice(colon + 1).trim()];
    });
  }
  all(name) {
    return this.headers.filter(([n]) => n === name).map(([, v]) => v);
  }
  get(name) {
    return this.all(name)[0] ?? "";
  }
  get tag() {
    return /;tag=([^;>\s]+)/.exec(this.get("from"))?.[1] ?? "";
  }
  get cseqMethod() {
    return this.get("cseq").split(/\s+/)[1] ?? "";
  }
}

const uriOf = (address) => /<([^>]+)>/.exec(address)?.[1] ?? address.split(";")[0].trim();
const userOf = (address) => decodeURIComponent(/^sips?:([^@;>]+)@/.exec(uriOf(address))?.[1] ?? "");

/** The answer to a digest challenge (RFC 7616), with MD5 or SHA-256. */
async function authorization(challenges, { id, password, method, uri }) {
  const read = (value) => Object.fromEntries([...value.matchAll(/(\w+)=(?:"([^"]*)"|([^,\s]+))/g)].map((m) => [m[1].toLowerCase(), m[2] ?? m[3]]));
  const hashes = {
    MD5: async (text) => md5(text),
    "SHA-256": async (text) => Array.from(new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text))), (b) => b.toString(16).padStart(2, "0")).join(""),
  };
  const challenge = challenges.map(read).find((c) => hashes[(c.algorithm ?? "MD5").toUpperCase()]);
  if (!challenge) throw new Error("the server offers no algorithm that this page knows");
  const algorithm = (challenge.algorithm ?? "MD5").toUpperCase(), hash = hashes[algorithm];
  const [nc, cnonce] = ["00000001", token()];
  const ha1 = await hash(`${id}:${challenge.realm}:${password}`), ha2 = await hash(`${method}:${uri}`);
  const response = await hash(challenge.qop ? `${ha1}:${challenge.nonce}:${nc}:${cnonce}:auth:${ha2}` : `${ha1}:${challenge.nonce}:${ha2}`);
  const qop = challenge.qop ? `, qop=auth, nc=${nc}, cnonce="${cnonce}"` : "";
  return `Digest username="${id}", realm="${challenge.realm}", nonce="${challenge.nonce}", uri="${uri}", algorithm=${algorithm}, response="${response}"${qop}`;
}

/** A call. Events: `ringing`, `offer` (detail.sdp, detail.answer(sdp)), `confirmed` (detail.sdp), `ended` (detail.why). */
export class Call extends EventTarget {
  constructor(agent, fields) {
    super();
    Object.assign(this, { agent, localTag: token(), remoteTag: "", cseq: 1, routes: [], over: false, confirmed: false }, fields);
  }
  tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
  /** Answers the INVITE that rings. */
  accept(sdp) {
    this.agent.reply(this.invite, 200, "OK", { tag: this.localTag, contact: true, body: sdp });
    this.answered = true;
  }
  /** Refuses, cancels or hangs up, whichever it takes. */
  hangUp(code = 480) {
    if (this.over) return;
    if (this.incoming && !this.answered) this.agent.reply(this.invite, code, code === 486 ? "Busy Here" : "Temporarily Unavailable", { tag: this.localTag });
    else if (!this.incoming && !this.confirmed) this.agent.send("CANCEL", this.target, { ...this.dialog(), branch: this.branch, cseq: this.cseq, to: this.remote });
    else this.agent.request("BYE", this.target, this.dialog(++this.cseq)).catch(() => {});
    this.end("hung up here");
  }
  dialog(cseq = this.cseq) {
    const remoteTag = this.remoteTag ? `;tag=${this.remoteTag}` : "";
    return { callId: this.callId, cseq, from: `${this.local};tag=${this.localTag}`, to: this.remote + remoteTag, routes: this.routes };
  }
  end(why) {
    if (this.over) return;
    this.over = true;
    this.agent.calls.delete(this.callId);
    this.tell("ended", { why });
  }
}

/** The user agent. Events: `state` (detail: connecting, registered, offline; with why), `call` (detail: the Call). */
export class UserAgent extends EventTarget {
  constructor({ url, id, password, domain }) {
    super();
    Object.assign(this, { url, id, password, domain, host: `${token()}.invalid`, calls: new Map(), waiting: new Map(), registerCseq: 0, registerCallId: token() });
    this.aor = `sip:${id}@${domain}`;
    this.contact = `<sip:${id}@${this.host};transport=ws>`;
    this.instance = crypto.randomUUID?.() ?? "00000000-0000-4000-8000-000000000000";
  }

  say(state, why = "") {
    this.state = state;
    this.dispatchEvent(new CustomEvent("state", { detail: { state, why } }));
  }

  start() {
    this.say("connecting");
    this.socket = new WebSocket(this.url, "sip");
    this.socket.onopen = () => this.register(300).catch((e) => this.say("offline", e.message));
    this.socket.onmessage = async ({ data }) => this.take(typeof data === "string" ? data : await data.text());
    this.socket.onclose = () => {
      for (const call of [...this.calls.values()]) call.end("the connection is lost");
      clearTimeout(this.refresh);
      if (this.state !== "offline") this.say("offline", "the connection is lost");
    };
  }

  async stop() {
    for (const call of [...this.calls.values()]) call.hangUp();
    clearTimeout(this.refresh);
    if (this.state === "registered") await this.register(0).catch(() => {});
    this.say("offline");
    this.socket?.close();
  }

  async register(expires) {
    const uri = `sip:${this.domain}`;
    const headers = { Contact: `${this.contact};reg-id=1;+sip.instance="<urn:uuid:${this.instance}>";expires=${expires}`, Expires: expires, Supported: "path, outbound" };
    const ask = () => this.request("REGISTER", uri, { callId: this.registerCallId, cseq: ++this.registerCseq, from: `<${this.aor}>;tag=${token()}`, to: `<${this.aor}>`, headers });
    let answer = await ask();
    for (let tries = 0; answer.status === 401 && tries < 2; tries++) {
      headers.Authorization = await authorization(answer.all("www-authenticate"), { id: this.id, password: this.password, method: "REGISTER", uri });
      answer = await ask();
    }
    if (answer.status === 423) return this.register(Number(answer.get("min-expires")) || 3600);
    if (answer.status !== 200) throw new Error(`${answer.status} ${answer.reason}`);
    if (expires === 0) return;
    this.refresh = setTimeout(() => this.register(expires).catch((e) => this.say("offline", e.message)), expires * 800);
    this.say("registered");
  }

  /** Sends a request; its final response comes as a promise. `progress` hears the others. */
  request(method, uri, fields, progress = () => {}) {
    const branch = fields.branch ?? `z9hG4bK${token()}`;
    return new Promise((done, failed) => {
      const timer = setTimeout(() => (this.waiting.delete(branch + method), failed(new Error(`no answer to ${method}`))), method === "INVITE" ? 120_000 : 32_000);
      this.waiting.set(branch + method, (message) => {
        if (message.status < 200) return progress(message);
        clearTimeout(timer);
        this.waiting.delete(branch + method);
        done(message);
      });
      this.send(method, uri, { ...fields, branch });
    });
  }

  send(method, uri, { branch = `z9hG4bK${token()}`, callId, cseq, from, to, routes = [], headers = {}, body = "" }) {
    const lines = [`${method} ${uri} SIP/2.0`, `Via: SIP/2.0/WS ${this.host};branch=${branch}`, "Max-Forwards: 70", ...routes.map((r) => `Route: ${r}`), `From: ${from}`, `To: ${to}`, `Call-ID: ${callId}`, `CSeq: ${cseq} ${method}`];
    if (method === "INVITE") lines.push(`Contact: ${this.contact}`);
    for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
    this.write(lines, body);
  }

  reply(request, code, reason, { tag = "", contact = false, body = "" } = {}) {
    const to = request.get("to");
    const lines = [`SIP/2.0 ${code} ${reason}`, ...request.all("via").map((v) => `Via: ${v}`), ...request.all("record-route").map((r) => `Record-Route: ${r}`), `From: ${request.get("from")}`, `To: ${tag && !to.includes(";tag=") ? `${to};tag=${tag}` : to}`, `Call-ID: ${request.get("call-id")}`, `CSeq: ${request.get("cseq")}`];
    if (contact) lines.push(`Contact: ${this.contact}`);
    this.write(lines, body);
  }

  write(lines, body) {
    lines.push("User-Agent: contact-center page");
    if (body) lines.push("Content-Type: application/sdp");
    lines.push(`Content-Length: ${new TextEncoder().encode(body).length}`);
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(`${lines.join("\r\n")}\r\n\r\n${body}`);
  }

  take(text) {
    if (!text.trim()) return;
    const message = new Message(text);
    if (message.status) {
      const branch = /;branch=([^;,\s]+)/.exec(message.get("via"))?.[1] ?? "";
      this.waiting.get(branch + message.cseqMethod)?.(message);
    } else {
      this.requested(message);
    }
  }

  requested(message) {
    const call = this.calls.get(message.get("call-id"));
    switch (message.method) {
      case "INVITE":
        return call ? this.reinvited(call, message) : this.invited(message);
      case "ACK":
        if (call?.ackWaits) {
          call.ackWaits = false;
          call.confirmed = true;
          call.tell("confirmed", { sdp: message.body });
        }
        return;
      case "CANCEL":
        this.reply(message, call && !call.answered ? 200 : 481, call ? "OK" : "Call/Transaction Does Not Exist");
        if (call && !call.answered) {
          this.reply(call.invite, 487, "Request Terminated", { tag: call.localTag });
          call.end("cancelled by the centre");
        }
        return;
      case "BYE":
        this.reply(message, call ? 200 : 481, call ? "OK" : "Call/Transaction Does Not Exist");
        return call?.end("hung up by the centre");
      case "OPTIONS":
      case "INFO":
      case "NOTIFY":
        return this.reply(message, 200, "OK", { tag: call?.localTag ?? token() });
      default:
        return this.reply(message, 405, "Method Not Allowed", { tag: token() });
    }
  }

  invited(message) {
    this.reply(message, 100, "Trying");
    if (this.calls.size > 0) return this.reply(message, 486, "Busy Here", { tag: token() });
    const call = new Call(this, {
      incoming: true, invite: message, callId: message.get("call-id"), local: message.get("to").split(";tag=")[0], remote: message.get("from").replace(/;tag=[^;]+/, ""),
      remoteTag: message.tag, target: uriOf(message.get("contact")), routes: message.all("record-route"), ackWaits: true, sdp: message.body, who: userOf(message.get("from")),
      labels: Object.fromEntries(message.headers.filter(([n]) => n.startsWith("x-"))),
    });
    this.calls.set(call.callId, call);
    this.reply(message, 180, "Ringing", { tag: call.localTag, contact: true });
    this.dispatchEvent(new CustomEvent("call", { detail: call }));
  }

  reinvited(call, message) {
    this.reply(message, 100, "Trying");
    call.ackWaits = true;
    const answer = (sdp) => this.reply(message, 200, "OK", { tag: call.localTag, contact: true, body: sdp });
    const refuse = () => this.reply(message, 488, "Not Acceptable Here", { tag: call.localTag });
    call.tell("offer", { sdp: message.body, answer, refuse });
  }

  /** Places a call; the promise is the answer's SDP. */
  async call(number, sdp) {
    const target = `sip:${encodeURIComponent(number).replace(/%2A/g, "*")}@${this.domain}`;
    const call = new Call(this, { incoming: false, callId: token(), local: `<${this.aor}>`, remote: `<${target}>`, target, branch: `z9hG4bK${token()}`, who: number, labels: {} });
    this.calls.set(call.callId, call);
    this.dispatchEvent(new CustomEvent("call", { detail: call }));
    const answer = await this.request("INVITE", target, { ...call.dialog(), branch: call.branch, body: sdp }, (m) => m.status === 180 && call.tell("ringing", {}));
    call.remoteTag = /;tag=([^;]+)/.exec(answer.get("to"))?.[1] ?? "";
    if (answer.status >= 300) {
      this.send("ACK", target, { ...call.dialog(), branch: call.branch });
      call.end(`${answer.status} ${answer.reason}`);
      throw new Error(`${answer.status} ${answer.reason}`);
    }
    call.target = uriOf(answer.get("contact"));
    call.routes = answer.all("record-route").reverse();
    this.send("ACK", call.target, call.dialog());
    call.confirmed = call.answered = true;
    if (call.over) this.request("BYE", call.target, call.dialog(++call.cseq)).catch(() => {});
    return answer.body;
  }
}
