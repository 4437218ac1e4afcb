// The browser as a phone: registers at the centre, rings, answers with the microphone, and plays what
// a supervisor hears.
import { UserAgent } from "./sip.js";
import { button, el } from "./dom.js";

/** SDP with its candidates, or with those found within a second. */
async function gathered(connection) {
  if (connection.iceGatheringState !== "complete") {
    await new Promise((done) => {
      connection.addEventListener("icegatheringstatechange", () => connection.iceGatheringState === "complete" && done());
      setTimeout(done, 1000);
    });
  }
  return connection.localDescription.sdp;
}

export class Phone {
  constructor(root) {
    this.account = el("select", { id: "phone-account", ariaLabel: "account of this browser" });
    this.register = button("Register this browser", () => (this.agent ? this.leave() : this.join()), { id: "phone-register" });
    this.state = el("span", { id: "phone-state", role: "status", className: "pill", textContent: "offline" });
    this.call = el("div", { id: "phone-call", className: "row" });
    this.auto = el("input", { type: "checkbox", id: "phone-auto" });
    this.number = el("input", { id: "phone-number", size: 12, placeholder: "agent, *80, an id", ariaLabel: "number to call" });
    this.dial = el("form", { className: "row", onsubmit: (e) => (e.preventDefault(), this.place()) }, this.number, el("button", { textContent: "Call" }));
    this.heard = el("div", { className: "meter", role: "meter", ariaLabel: "level of what this browser hears" }, el("i"));
    this.sound = el("audio", { autoplay: true });
    this.line = el("div", { className: "row dim" });
    root.append(
      el("div", { className: "row" }, this.account, this.register, this.state),
      this.line,
      el("div", { className: "row" }, el("label", {}, this.auto, " answer by itself"), this.dial),
      this.call, this.heard, this.sound,
    );
    this.show();
    setInterval(() => this.measure(), 100);
  }

  /** The accounts that the centre has. */
  accounts(status) {
    this.status = status;
    const key = JSON.stringify(status.credentials);
    if (this.known === key) return;
    this.known = key;
    this.account.replaceChildren(...status.credentials.map((c) => el("option", { value: c.id, textContent: `${c.id} (${c.role})` })));
  }

  say(text) {
    this.line.textContent = text;
  }

  join() {
    const { id, password } = this.status.credentials.find((c) => c.id === this.account.value);
    const secure = location.protocol === "https:";
    this.agent = new UserAgent({ url: secure ? this.status.wss : this.status.ws, id, password, domain: this.status.domain });
    this.agent.addEventListener("state", ({ detail }) => {
      this.state.textContent = detail.state;
      this.state.dataset.state = detail.state;
      if (detail.why) this.say(detail.why);
      if (detail.state === "offline") this.agent = null;
      this.show();
    });
    this.agent.addEventListener("call", ({ detail }) => this.ring(detail));
    this.agent.start();
  }

  async leave() {
    await this.agent?.stop();
  }

  ring(call) {
    this.current = call;
    call.addEventListener("ringing", () => this.say(`${call.who} rings`));
    call.addEventListener("ended", ({ detail }) => {
      this.say(`the call is over: ${detail.why}`);
      this.close();
    });
    call.addEventListener("offer", ({ detail }) => this.renegotiate(detail));
    call.addEventListener("confirmed", async ({ detail }) => {
      // The ACK of a late offer carries the answer.
      if (detail.sdp && this.connection?.signalingState === "have-local-offer") await this.connection.setRemoteDescription({ type: "answer", sdp: detail.sdp });
    });
    if (call.incoming) {
      this.say(`${call.who} calls${call.labels["x-team-name"] ? `, ${call.labels["x-team-name"]}` : ""}`);
      if (this.auto.checked) this.answer();
    }
    this.show();
  }

  /** A connection with the microphone; without one, silence is sent. */
  async connect() {
    this.connection = new RTCPeerConnection();
    // Parties apart come as two tracks: both are heard.
    const stream = new MediaStream();
    this.sound.srcObject = stream;
    this.context ??= new AudioContext();
    this.context.resume();
    this.analyser = this.context.createAnalyser();
    this.connection.ontrack = ({ track }) => {
      stream.addTrack(track);
      // A page that nobody has touched may not play; the first click lets it.
      this.sound.play().catch((e) => e.name === "NotAllowedError" && this.say("click anywhere to hear the call"));
      this.context.createMediaStreamSource(new MediaStream([track])).connect(this.analyser);
    };
    try {
      this.microphone = await navigator.mediaDevices.getUserMedia({ audio: { echoCancellation: false, autoGainControl: false, noiseSuppression: false } });
      for (const track of this.microphone.getTracks()) this.connection.addTrack(track, this.microphone);
    } catch (e) {
      this.say(`no microphone (${e.message}): listening only`);
      const silence = this.context.createMediaStreamDestination();
      this.connection.addTrack(silence.stream.getTracks()[0], silence.stream);
    }
    return this.connection;
  }

  async answer() {
    const call = this.current;
    try {
      const connection = await this.connect();
      if (call.sdp) {
        await connection.setRemoteDescription({ type: "offer", sdp: call.sdp });
        await connection.setLocalDescription(await connection.createAnswer());
      } else {
        await connection.setLocalDescription(await connection.createOffer());
      }
      call.accept(await gathered(connection));
      this.say(`in a call with ${call.who}`);
    } catch (e) {
      this.say(e.message);
      call.hangUp(488);
    }
    this.show();
  }

  async renegotiate({ sdp, answer, refuse }) {
    try {
      if (sdp) {
        await this.connection.setRemoteDescription({ type: "offer", sdp });
        await this.connection.setLocalDescription(await this.connection.createAnswer());
        const held = /a=(sendonly|inactive)/.test(sdp);
        this.say(held ? "held by the centre" : `in a call with ${this.current.who}`);
      } else {
        await this.connection.setLocalDescription(await this.connection.createOffer());
      }
      answer(await gathered(this.connection));
    } catch (e) {
      this.say(e.message);
      refuse();
    }
  }

  async place() {
    if (!this.agent || this.current) return this.say(this.current ? "there is a call already" : "register first");
    const connection = await this.connect();
    await connection.setLocalDescription(await connection.createOffer());
    try {
      const sdp = await this.agent.call(this.number.value.trim(), await gathered(connection));
      await connection.setRemoteDescription({ type: "answer", sdp });
      this.say(`in a call with ${this.number.value}`);
    } catch (e) {
      this.say(e.message);
      this.close();
    }
    this.show();
  }

  press(key) {
    const sender = this.connection?.getSenders().find((s) => s.dtmf);
    sender?.dtmf.insertDTMF(key, 100, 70);
  }

  close() {
    for (const track of this.microphone?.getTracks() ?? []) track.stop();
    this.connection?.close();
    this.current = this.connection = this.analyser = this.microphone = null;
    this.sound.srcObject = null;
    this.show();
  }

  show() {
    this.register.textContent = this.agent ? "Unregister" : "Register this browser";
    this.account.disabled = Boolean(this.agent);
    const call = this.current, parts = [];
    if (call?.incoming && !call.answered) {
      parts.push(button("Answer", () => this.answer(), { id: "phone-answer", className: "good" }), button("Reject", () => call.hangUp(486), { id: "phone-reject", className: "bad" }));
    } else if (call) {
      parts.push(button("Hang up", () => call.hangUp(), { id: "phone-hangup", className: "bad" }));
      for (const key of "0123456789*#") parts.push(button(key, () => this.press(key), { className: "key", ariaLabel: `key ${key}` }));
    }
    this.call.replaceChildren(...parts);
  }

  measure() {
    let level = -60;
    if (this.analyser) {
      const samples = new Float32Array(this.analyser.fftSize);
      this.analyser.getFloatTimeDomainData(samples);
      level = 10 * Math.log10(samples.reduce((sum, s) => sum + s * s, 0) / samples.length + 1e-9);
    }
    this.heard.firstChild.style.width = `${Math.max(0, Math.min(100, (level + 60) / 0.6))}%`;
    this.heard.ariaValueNow = level.toFixed(0);
  }
}
