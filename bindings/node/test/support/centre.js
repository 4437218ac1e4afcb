'use strict'
// The embedded contact centre as a child process, steered over HTTP, and a phone that meets it.

const { existsSync } = require('node:fs')
const path = require('node:path')
const MONIPY = require('monipy')
const { ContactCenter } = require('monipy/testing')

/** Ms after which a wait has failed. Generous: machines that run tests are busy. */
const PATIENCE = 60_000

// In a clone the program is where cargo has put it.
if (!process.env.MONIPY_CONTACT_CENTER) {
  const target = process.env.CARGO_TARGET_DIR ?? path.join(__dirname, '..', '..', '..', '..', 'target')
  const built = ['debug', 'release'].map((profile) => path.join(target, profile, 'contact-center')).find(existsSync)
  if (built) process.env.MONIPY_CONTACT_CENTER = built
}

/** Why tests against the centre are skipped; false when they are not. */
const skip = !process.env.MONIPY_CONTACT_CENTER && 'no contact centre: build it (cargo build -p contact-center) or set MONIPY_CONTACT_CENTER'

class Centre extends ContactCenter {
  /** Starts a centre of its own for a test, with speech unless sounds are given. */
  static async start(t, ...args) {
    const speech = args.includes('--agent') ? [] : ['--agent', 'speech', '--customer', 'speech']
    const centre = await super.start(...speech, ...args)
    t.after(() => centre.stop())
    centre.t = t
    return centre
  }

  /** A phone that knows this centre, with a record of its events; closed after the test. */
  phone(options) {
    const phone = new MONIPY(this.options({ reconnectMinMs: 50, ...options }))
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
