'use strict'
// `require('monipy/testing')`: the embedded contact centre as a child process, steered over HTTP.
// See testing.d.ts for what each member promises.

const { spawn } = require('node:child_process')
const { accessSync, constants } = require('node:fs')
const path = require('node:path')
const readline = require('node:readline')
const { setTimeout: pause } = require('node:timers/promises')

/** Ms after which a wait has failed, unless said otherwise. Generous: machines that run tests are busy. */
const PATIENCE = 60_000

/** What an agent and a customer say unless told otherwise: tones, which are heard at any moment. */
const TONES = { '--agent': 'tone:440', '--customer': 'tone:1000' }

class ContactCenterError extends Error {
  constructor(message) {
    super(message)
    this.name = 'ContactCenterError'
  }
}

function runs(file) {
  try {
    accessSync(file, constants.X_OK)
    return true
  } catch {
    return false
  }
}

function findProgram() {
  if (process.env.MONIPY_CONTACT_CENTER) return process.env.MONIPY_CONTACT_CENTER
  const name = process.platform === 'win32' ? 'contact-center.exe' : 'contact-center'
  const places = (process.env.PATH ?? '').split(path.delimiter).filter(Boolean)
  const found = places.map((place) => path.join(place, name)).find(runs)
  if (found) return found
  throw new ContactCenterError(
    'contact-center is not on this machine: build it with `cargo build -p contact-center` and put it on the PATH, or name it in MONIPY_CONTACT_CENTER',
  )
}

class ContactCenter {
  #child
  #gone

  static async start(...args) {
    const centre = new this()
    await centre.#start(args)
    return centre
  }

  async #start(args) {
    const given = new Set(args.map((arg) => arg.split('=')[0]))
    const sounds = Object.entries(TONES).flatMap((pair) => (given.has(pair[0]) ? [] : pair))
    const child = spawn(findProgram(), ['--json', '--exit-with-stdin', ...sounds, ...args], { stdio: ['pipe', 'pipe', 'pipe'] })
    this.#child = child
    this.#gone = new Promise((resolve) => child.once('close', resolve))
    let complaints = ''
    child.stderr.on('data', (data) => (complaints = (complaints + data).slice(-4096)))
    // Its input may be gone before it is closed: then it has ended already.
    child.stdin.on('error', () => {})
    this.about = await new Promise((resolve, reject) => {
      // Later lines are an event each; they are taken, so that the program never waits for room.
      readline.createInterface({ input: child.stdout }).once('line', (line) => resolve(JSON.parse(line))).on('line', () => {})
      child.once('error', (error) => reject(new ContactCenterError(error.message)))
      child.once('close', (code) => reject(new ContactCenterError(`contact-center ended with ${code}: ${complaints.trim()}`)))
    })
    this.ws = this.about.ws
    this.http = this.about.http.replace(/\/$/, '')
    ;({ id: this.id, password: this.password } = this.about.credentials[0])
  }

  async stop() {
    this.#child.stdin.end()
    await this.#gone
  }

  async [Symbol.asyncDispose]() {
    await this.stop()
  }

  options(more) {
    return { server: this.ws, domain: this.about.domain, iceServers: [], audioMode: 'application', localAddress: '127.0.0.1', ...more }
  }

  // --- Calls ---

  async call() {
    const calls = await this.get('/calls')
    return calls.length > 0 ? calls.at(-1).id : this.beginCall()
  }

  async beginCall({ agent = 'tone:440', customer = 'tone:1000' } = {}) {
    return (await this.post('/calls', { agent: { sound: agent }, customer: { sound: customer } })).id
  }

  async barge(mode = 'barge', supervisor = this.id, { call } = {}) {
    return this.post(`/calls/${call ?? (await this.call())}/barge`, { mode, supervisor })
  }

  leg(leg, wait, timeout = PATIENCE) {
    return this.get(`/legs/${leg.id ?? leg}${wait ? `?wait=${wait}&timeout_ms=${timeout}` : ''}`)
  }

  hangUp(leg) {
    return this.ask('DELETE', `/legs/${leg.id ?? leg}`)
  }

  waitRegistered(supervisor = this.id, timeout = PATIENCE) {
    return this.get(`/supervisors/${supervisor}?wait=registered&timeout_ms=${timeout}`)
  }

  misbehave(name, details) {
    return this.post('/misbehaviours', { name, ...details })
  }

  // --- Who heard whom ---

  async heard(listener, { seconds = 1, call, timeout = PATIENCE } = {}) {
    const where = `/calls/${call ?? (await this.call())}/audibility`
    for (const deadline = Date.now() + timeout; ; await pause(50)) {
      const { ears, heard } = await this.get(where)
      if (ears.some((ear) => ear.listener === listener && ear.duration_ms >= seconds * 1000)) return new Set(heard[listener])
      if (Date.now() > deadline) {
        const listening = ears.map((ear) => ear.listener).join(', ')
        throw new ContactCenterError(`${listener} did not listen for ${seconds} s within ${timeout} ms; in the call are ${listening}`)
      }
    }
  }

  async waitHeard(listener, parties, { call, timeout = PATIENCE } = {}) {
    await this.get(`/calls/${call ?? (await this.call())}/audibility?listener=${listener}&heard=${[...parties]}&timeout_ms=${timeout}`)
  }

  // --- Everything else: HTTP ---

  get(where) {
    return this.ask('GET', where)
  }

  post(where, body) {
    return this.ask('POST', where, body)
  }

  async ask(method, where, body) {
    const request = { method, signal: AbortSignal.timeout(2 * PATIENCE) }
    if (method !== 'GET') {
      request.headers = { 'content-type': 'application/json' }
      request.body = body instanceof Uint8Array ? body : JSON.stringify(body ?? {})
    }
    const answer = await fetch(this.http + where, request)
    const text = await answer.text()
    if (!answer.ok) throw new ContactCenterError(`${method} ${where}: ${answer.status} ${text}`)
    return /^[[{]/.test(text) ? JSON.parse(text) : text
  }
}

module.exports = { ContactCenter, ContactCenterError, findProgram }
