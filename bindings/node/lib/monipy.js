'use strict'

const { EventEmitter } = require('node:events')
const { EVENTS } = require('../generated')
const { Hub, devices, version } = require('./hub')
const { CallStream } = require('./stream')
const { MonipyError } = require('./error')
const { toJson, warnOnce } = require('./options')

const TERMINAL = new Set(EVENTS.filter((e) => e.terminal).map((e) => e.name))
const NAMES = new Set(EVENTS.map((e) => e.name))

/** The call that a method is for: that of the event or the stream handed over, else the current one. */
function callOf(options) {
  const call = options?.call
  return Number.isSafeInteger(call) && call >= 0 ? call : 0
}

/** Text as the engine takes it; what is no text is refused there, as an empty one. */
function text(value) {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : ''
}

/**
 * Ties events to the facade without a closure in the constructor, which would keep more alive than
 * it needs.
 */
function delivery(monipy, streams, defaults, hub) {
  return (event) => {
    const name = event.event
    if (name === 'callStream') event.status = event.stream = streamOf(streams, defaults, hub.it, event.call)
    try {
      // Unlike Node's own emitters, nobody has to listen to `error`: the outcome says it as well.
      if (name !== 'error' || monipy.listenerCount('error') > 0) monipy.emit(name, event)
    } finally {
      if (TERMINAL.has(name)) {
        streams.get(event.call)?._end()
        streams.delete(event.call)
      }
    }
  }
}

function streamOf(streams, defaults, hub, call) {
  let stream = streams.get(call)
  if (!stream) streams.set(call, (stream = new CallStream(hub, call, defaults)))
  return stream
}

/** A supervisor's phone. See index.d.ts for what each member promises. */
class MONIPY extends EventEmitter {
  #hub
  #streams = new Map()
  #defaults

  constructor(options = {}) {
    super()
    this.#defaults = { rate: options?.sampleRate ?? 48000, frameMs: options?.frameMs ?? 20 }
    const hub = {}
    this.#hub = hub.it = Hub.create(toJson(options), delivery(this, this.#streams, this.#defaults, hub))
  }

  // --- The vendor's methods ---

  login(id, password, region) {
    if (region !== undefined) warnOnce("monipy: login takes no region; give option 'server' to the constructor")
    return this.#hub.give('login', text(id), text(password))
  }

  logout() {
    return this.#hub.give('logout')
  }

  answer(options) {
    return this.#hub.give('answer', callOf(options))
  }

  reject(options) {
    const code = options?.code
    // An event's own code is no reason to refuse with it.
    const sipCode = Number.isInteger(code) && code >= 400 && code <= 699 && !options.event ? code : undefined
    return this.#hub.give('reject', callOf(options), sipCode)
  }

  terminate(options) {
    return this.#hub.give('terminate', callOf(options))
  }

  call(target, options) {
    if (options?.extra_param !== undefined) warnOnce("monipy: call takes no extra_param; give option 'inviteHeaders' to the constructor")
    return this.#hub.give('call', text(target))
  }

  hold(options) {
    return this.#hub.give('hold', callOf(options))
  }

  unHold(options) {
    return this.#hub.give('unHold', callOf(options))
  }

  mute(options) {
    return this.#hub.give('mute', callOf(options))
  }

  unMute(options) {
    return this.#hub.give('unMute', callOf(options))
  }

  sendDtmf(digits, options) {
    return this.#hub.give('sendDtmf', callOf(options), text(digits))
  }

  isLogedIn() {
    return this.#hub.engine.isLoggedIn()
  }

  isConnected() {
    return this.#hub.engine.isConnected()
  }

  onHold(options) {
    return this.#hub.engine.callInfo(callOf(options))?.onHold ?? false
  }

  onMute(options) {
    return this.#hub.engine.callInfo(callOf(options))?.muted ?? false
  }

  getCallId() {
    return this.#hub.engine.callInfo(0)?.callId ?? false
  }

  getCallID() {
    return this.getCallId()
  }

  // --- Beyond the vendor's ---

  /** Every call that is not over, oldest first. */
  calls() {
    return this.#hub.engine.calls()
  }

  /** Figures of a call now; null without one. */
  stats(options) {
    return this.#hub.engine.figures(callOf(options))
  }

  /** Uses this speaker, by name or id, null for the default: in calls that are up, and in later ones. */
  setOutputDevice(name) {
    this.#hub.engine.setOutputDevice(name ?? null)
  }

  /** Uses this microphone. */
  setInputDevice(name) {
    this.#hub.engine.setInputDevice(name ?? null)
  }

  /** The sound of a call, before `callStream` too; null without one. */
  stream(options) {
    const info = this.#hub.engine.callInfo(callOf(options))
    return info && streamOf(this.#streams, this.#defaults, this.#hub, info.id)
  }

  /** Without a listener: a promise, as waitFor. */
  once(name, listener) {
    return typeof listener === 'function' ? super.once(name, listener) : this.waitFor(name, listener)
  }

  waitFor(name, { signal, filter } = {}) {
    return new Promise((resolve, reject) => {
      if (!NAMES.has(name)) return reject(new MonipyError(1003, `event: there is no '${String(name)}'; there are ${[...NAMES].join(', ')}`))
      if (signal?.aborted) return reject(signal.reason)
      if (this.#hub.closing) return reject(new MonipyError(1002, 'the supervisor was shut down'))
      const stop = () => {
        this.off(name, listener)
        this.off(CLOSED, closed)
        signal?.removeEventListener('abort', aborted)
      }
      const listener = (event) => {
        if (filter && !filter(event)) return
        stop()
        resolve(event)
      }
      const aborted = () => {
        stop()
        reject(signal.reason)
      }
      const closed = () => {
        stop()
        reject(new MonipyError(1002, 'the supervisor was shut down'))
      }
      this.on(name, listener)
      this.on(CLOSED, closed)
      signal?.addEventListener('abort', aborted, { once: true })
    })
  }

  close() {
    const first = !this.#hub.closing
    const done = this.#hub.close()
    if (first) {
      for (const stream of this.#streams.values()) stream._end()
      this.#streams.clear()
      this.emit(CLOSED)
    }
    return done
  }

  [Symbol.dispose]() {
    this.close()
  }

  async [Symbol.asyncDispose]() {
    await this.close()
  }

  ref() {
    this.#hub.ref()
    return this
  }

  unref() {
    this.#hub.unref()
    return this
  }
}

/** Told to those who wait when nothing will come any more; a symbol, so that nobody else hears it. */
const CLOSED = Symbol('monipy.closed')

module.exports = { MONIPY, CallStream, devices, version }
