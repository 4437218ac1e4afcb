'use strict'
// The embedded contact centre as a child process, steered over HTTP, and a phone that meets it.

const { spawn } = require('node:child_process')
const { existsSync } = require('node:fs')
const path = require('node:path')
const readline = require('node:readline')
const MONIPY = require('monipy')

/** Ms after which a wait has failed. Generous: machines that run tests are busy. */
const PATIENCE = 60_000

function program() {
  if (process.env.MONIPY_CONTACT_CENTER) return process.env.MONIPY_CONTACT_CENTER
  const target = process.env.CARGO_TARGET_DIR ?? path.join(__dirname, '..', '..', '..', '..', 'target')
  return ['debug', 'release'].map((profile) => path.join(target, profile, 'contact-center')).find(existsSync)
}

/** Why tests against the centre are skipped; false when they are not. */
const skip = !program() && 'no contact centre: build it (cargo build -p contact-center) or set MONIPY_CONTACT_CENTER'

class Centre {
  /** Starts a centre of its own for a test. */
  static async start(t, ...args) {
    const child = spawn(program(), ['--json', '--exit-with-stdin', ...args], { stdio: ['pipe', 'pipe', 'inherit'] })
    const gone = new Promise((resolve) => child.once('close', resolve))
    t.after(async () => {
      child.stdin.end()
      await gone
    })
    const lines = readline.createInterface({ input: child.stdout })
    const about = await new Promise((resolve, reject) => {
      lines.once('line', (line) => resolve(JSON.parse(line)))
      child.once('error', reject)
      child.once('close', (code) => reject(new Error(`the contact centre ended with ${code} before it said where it is`)))
    })
    const centre = new Centre()
    Object.assign(centre, { t, child, http: about.http.replace(/\/$/, ''), ws: about.ws, domain: about.domain, ...about.credentials[0] })
    return centre
  }

  /** A phone that knows this centre, with a record of its events; closed after the test. */
  phone(options) {
    const phone = new MONIPY({
      server: this.ws, domain: this.domain, iceServers: [], audioMode: 'application', localAddress: '127.0.0.1', reconnectMinMs: 50, ...options,
    })
    phone.seen = []
    let tell = () => {}
    /** Resolves at the next event of any kind. */
    phone.any = () => new Promise((resolve) => (tell = resolve))
    for (const { name } of MONIPY.EVENTS) {
      if (name !== 'stats') phone.on(name, (event) => tell(phone.seen.push(event)))
    }
    this.t.after(() => phone.close())
    return phone
  }

  /** A phone that is logged in. */
  async loggedIn(options) {
    const phone = this.phone(options)
    const outcome = await phone.login(this.id, this.password)
    if (outcome.code !== 200) throw new Error(`login: ${outcome.code} ${outcome.status}`)
    return phone
  }

  async ask(method, where, body) {
    const options = { method, signal: AbortSignal.timeout(2 * PATIENCE) }
    if (method !== 'GET') {
      options.headers = { 'content-type': 'application/json' }
      options.body = body instanceof Uint8Array ? body : JSON.stringify(body ?? {})
    }
    const answer = await fetch(this.http + where, options)
    const text = await answer.text()
    if (!answer.ok) throw new Error(`${method} ${where}: ${answer.status} ${text}`)
    return JSON.parse(text)
  }

  get(where) {
    return this.ask('GET', where)
  }

  post(where, body) {
    return this.ask('POST', where, body)
  }

  /** Number of the call that goes on in the centre. */
  async call() {
    const [call] = await this.get('/calls')
    return (call ?? (await this.post('/calls'))).id
  }

  /** Asks the supervisor into the call; the leg. */
  async barge(mode = 'barge', supervisor = this.id) {
    return this.post(`/calls/${await this.call()}/barge`, { mode, supervisor })
  }

  /** The leg, once it has come as far as ringing, answered, media or ended. */
  leg(leg, wait) {
    return this.get(`/legs/${leg.id}${wait ? `?wait=${wait}&timeout_ms=${PATIENCE}` : ''}`)
  }

  hangUp(leg) {
    return this.ask('DELETE', `/legs/${leg.id}`)
  }

  misbehave(name, more) {
    return this.post('/misbehaviours', { name, ...more })
  }

  /** What a party hears of others, once it hears all of `heard`. */
  async heard(listener, ...heard) {
    return this.get(`/calls/${await this.call()}/audibility?listener=${listener}&heard=${heard}&timeout_ms=${PATIENCE}`)
  }

  /** Reads a stream until the centre recognises all of these parties in it. */
  async hears(stream, ...parties) {
    const call = await this.call()
    const rate = 16000
    let pcm = []
    for await (const frame of stream.frames({ rate })) {
      pcm.push(...frame)
      // A second at a time, then more: speech pauses.
      if (pcm.length % rate !== 0) continue
      const { heard } = await this.ask('POST', `/calls/${call}/ears/${this.id}?rate=${rate}`, Buffer.from(Int16Array.from(pcm).buffer))
      if (parties.every((party) => heard.includes(party))) return
      if (pcm.length >= 10 * rate) pcm = []
    }
    throw new Error(`the call ended before ${parties} were heard`)
  }

  /** A barged, answered call with sound; gives the leg and the phone's stream. */
  async talking(phone, mode) {
    const incoming = phone.waitFor('inComingCall')
    const streaming = phone.waitFor('callStream')
    const answered = phone.waitFor('answered')
    const leg = await this.barge(mode)
    await incoming
    const outcome = await phone.answer()
    if (outcome.code !== 200) throw new Error(`answer: ${outcome.code} ${outcome.status}`)
    await answered
    return { leg, stream: (await streaming).stream }
  }
}

module.exports = { Centre, skip, PATIENCE }
