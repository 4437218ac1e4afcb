'use strict'
// Between the native part and the classes that a user sees: takes batches off the native part,
// hands their items on one at a time, and decides whether the process has a reason to live.

const native = require('./native')
const { MonipyError } = require('./error')
const { inOurWords } = require('./options')

/** What every method resolves to once the supervisor is closed. */
const CLOSED = { code: 1002, status: 'the supervisor was shut down' }
/** How long a close may wait for the server. */
const CLOSE_MS = 5000
/** The same at the end of the process. */
const EXIT_MS = 500

/** Supervisors that are logged in or about something: not to be collected, and closed at exit. */
const live = new Set()

function closeLive() {
  const engines = [...live].map((hub) => hub.engine)
  if (engines.length > 0) native.closeAll(engines, EXIT_MS)
}

function noop() {}

/** Called by the native part from its queue. Holds the hub weakly; made where nothing else is in reach. */
function bellOf(holder) {
  return () => holder.hub?.deref()?.pump()
}

/** A handler that throws must not take the rest of a batch with it: it is an uncaught exception of its own. */
function rethrow(error) {
  process.nextTick(() => {
    throw error
  })
}

class Hub {
  /** Throws a MonipyError when the options do not hold. `deliver(event)` gets each event. */
  static create(json, deliver) {
    const holder = {}
    const engine = native.create(json, bellOf(holder))
    if (!(engine instanceof native.Engine)) throw new MonipyError(engine.code, inOurWords(engine.status))
    const hub = new Hub(engine, deliver)
    holder.hub = new WeakRef(hub)
    return hub
  }

  constructor(engine, deliver) {
    this.engine = engine
    this.deliver = deliver
    /** The promise of close(), once it was called. */
    this.closing = null
    /** Logged in, or the engine is still trying to be. */
    this.wanted = false
    this.refed = true
    this.keepAlive = null
    /** Resolvers of methods under way, by ticket. */
    this.tickets = new Map()
    /** Items of past batches that were not handed on yet. */
    this.queue = []
    /** Who waits for frames, by reader; for a write, by writer. */
    this.readers = new Map()
    this.writers = new Map()
    this.step = this.step.bind(this)
  }

  // --- Batches ---

  pump() {
    const batch = this.engine.pump()
    if (batch.wrote) for (const { writer, over } of batch.wrote) this.call(this.writers, writer, over)
    if (batch.frames) {
      for (const frames of batch.frames) this.call(this.readers, frames.reader, frames.frames.length > 0 ? frames : null)
    }
    if (batch.events || batch.outcomes) this.enqueue(batch.events ? JSON.parse(batch.events) : [], batch.outcomes ?? [])
  }

  /** Calls whoever waits, once. */
  call(waiting, id, value) {
    const callback = waiting.get(id)
    waiting.delete(id)
    try {
      callback?.(value)
    } catch (error) {
      rethrow(error)
    }
  }

  /** Merges events and outcomes into the order in which they came about. */
  enqueue(events, outcomes) {
    const idle = this.queue.length === 0
    let o = 0
    for (const event of events) {
      while (o < outcomes.length && outcomes[o].after < event.seq) this.queue.push(outcomes[o++])
      this.queue.push(event)
    }
    while (o < outcomes.length) this.queue.push(outcomes[o++])
    // One item, then everything that awaits it, then the next: `await monipy.answer()` followed by
    // `await monipy.waitFor('answered')` must not miss an event of the same batch.
    let left = events.length + outcomes.length
    if (idle) left -= 1
    while (left-- > 0) setImmediate(this.step)
    if (idle) this.step()
  }

  step() {
    const item = this.queue.shift()
    if (item === undefined) return
    if (item.ticket === undefined) {
      this.watch(item)
      try {
        this.deliver(item)
      } catch (error) {
        rethrow(error)
      }
    } else {
      const { ticket, code, status, seconds } = item
      this.settle(ticket, seconds === undefined ? { code, status } : { code, status, seconds })
    }
    this.update()
  }

  settle(ticket, outcome) {
    const resolve = this.tickets.get(ticket)
    this.tickets.delete(ticket)
    resolve?.(outcome)
  }

  // --- Methods ---

  /** Calls a method of the engine; resolves to its outcome and never rejects. */
  give(method, ...args) {
    if (this.closing) return Promise.resolve({ ...CLOSED })
    const ticket = this.engine[method](...args)
    if (ticket == null) return Promise.resolve({ ...CLOSED })
    return this.ticket(ticket)
  }

  ticket(ticket) {
    return new Promise((resolve) => {
      this.tickets.set(ticket, resolve)
      this.update()
    })
  }

  /** Gives everything back. No event comes after this returns. */
  close() {
    if (this.closing) return this.closing
    const waiting = [...this.tickets.values()]
    this.tickets.clear()
    this.queue.length = 0
    this.wanted = false
    const ticket = this.engine.close(CLOSE_MS)
    this.closing = ticket == null ? Promise.resolve({ ...CLOSED }) : this.ticket(ticket)
    for (const resolve of waiting) resolve({ ...CLOSED })
    for (const id of [...this.readers.keys()]) this.call(this.readers, id, null)
    for (const id of [...this.writers.keys()]) this.call(this.writers, id, true)
    this.update()
    return this.closing
  }

  // --- Reasons to live ---

  /** Keeps `wanted` by what the engine says. */
  watch(event) {
    switch (event.event) {
      case 'login':
      case 'reboot':
        this.wanted = true
        break
      case 'loginFailed':
        // With the link kept, the engine tries again or a call goes on.
        this.wanted = this.engine.isConnected()
        break
      case 'disconnected':
        // Code 200: let go of on purpose; anything else is mended by reconnection.
        if (event.code === 200) this.wanted = this.engine.isLoggedIn()
        break
    }
  }

  update() {
    const busy = this.wanted || this.tickets.size > 0
    if (busy && !this.keepAlive) {
      // An interval that never comes: it stands for the sockets that live outside Node.
      this.keepAlive = setInterval(noop, 0x7fffffff)
      if (!this.refed) this.keepAlive.unref()
      if (live.size === 0) process.on('exit', closeLive)
      live.add(this)
    } else if (!busy && this.keepAlive) {
      clearInterval(this.keepAlive)
      this.keepAlive = null
      live.delete(this)
      if (live.size === 0) process.off('exit', closeLive)
    }
  }

  ref() {
    this.refed = true
    this.keepAlive?.ref()
  }

  unref() {
    this.refed = false
    this.keepAlive?.unref()
  }

  // --- Sound ---

  open(method, ...args) {
    const { id, code, status } = this.engine[method](...args)
    // The streams' options are called `rate` and `frameMs`.
    if (id == null) throw new MonipyError(code, inOurWords(status).replace(/^sampleRate:/, 'rate:'))
    return id
  }

  /** `callback(batch)` once frames are there, `callback(null)` once the call is over. */
  read(reader, callback) {
    this.readers.set(reader, callback)
    if (!this.engine.read(reader)) queueMicrotask(() => this.call(this.readers, reader, null))
  }

  closeReader(reader) {
    this.readers.delete(reader)
    this.engine.closeReader(reader)
  }

  /** `callback(over)` once the samples are queued, at once when there is room. */
  write(writer, bytes, callback) {
    const taken = this.engine.write(writer, bytes)
    if (taken === 0) this.writers.set(writer, callback)
    else callback(taken < 0)
  }

  /** `callback(over)` once all was sent. */
  drain(writer, callback) {
    this.writers.set(writer, callback)
    if (!this.engine.drain(writer)) queueMicrotask(() => this.call(this.writers, writer, true))
  }

  closeWriter(writer) {
    this.writers.delete(writer)
    this.engine.closeWriter(writer)
  }
}

/** Every speaker and microphone there is now. */
function devices() {
  const found = native.devices()
  if (typeof found === 'string') throw new MonipyError(415, found)
  return found
}

module.exports = { Hub, devices, version: native.version() }
