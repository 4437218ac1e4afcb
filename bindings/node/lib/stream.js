'use strict'
// What a call sounds like, in JavaScript's hands: bytes (Readable, Writable) or frames (Int16Array).
// PCM is mono, signed 16 bits, little-endian.

const { Readable, Writable, addAbortSignal } = require('node:stream')
const { fileURLToPath } = require('node:url')
const { MonipyError } = require('./error')

/** Milliseconds of sound that a Readable keeps for a slow reader, on top of the engine's second. */
const BUFFER_MS = 200

class PcmReadable extends Readable {
  #hub
  #reader

  constructor(hub, reader, rate) {
    super({ highWaterMark: (rate * 2 * BUFFER_MS) / 1000 })
    this.#hub = hub
    this.#reader = reader
    /** Hz. */
    this.sampleRate = rate
  }

  _read() {
    this.#hub.read(this.#reader, (batch) => {
      if (this.destroyed) return
      if (batch === null) return this.push(null)
      const { pcm } = batch
      this.push(Buffer.from(pcm.buffer, pcm.byteOffset, pcm.byteLength))
    })
  }

  _destroy(error, callback) {
    this.#hub.closeReader(this.#reader)
    callback(error)
  }
}

/** Bytes of a chunk of PCM. */
function bytesOf(chunk) {
  if (ArrayBuffer.isView(chunk) && !(chunk instanceof Uint8Array)) {
    return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  }
  return chunk
}

class PcmWritable extends Writable {
  #hub
  #writer
  /** A byte whose other half has not come yet. */
  #half = null
  /** Bytes in the stream's own buffer that clear() has forgotten. */
  #forgotten = 0
  /** Bytes of the chunk under way. */
  #underWay = 0

  constructor(hub, writer, rate) {
    super({ decodeStrings: true })
    this.#hub = hub
    this.#writer = writer
    /** Hz. */
    this.sampleRate = rate
  }

  /** Takes Int16Array as well as bytes. */
  write(chunk, ...rest) {
    return super.write(bytesOf(chunk), ...rest)
  }

  end(chunk, ...rest) {
    return super.end(typeof chunk === 'function' ? chunk : bytesOf(chunk), ...rest)
  }

  _write(chunk, _encoding, callback) {
    if (this.#forgotten > 0) {
      this.#forgotten = Math.max(0, this.#forgotten - chunk.length)
      return callback()
    }
    let bytes = this.#half === null ? chunk : Buffer.concat([this.#half, chunk])
    const whole = bytes.length & ~1
    this.#half = whole < bytes.length ? bytes.subarray(whole) : null
    if (whole === 0) return callback()
    this.#underWay = chunk.length
    this.#hub.write(this.#writer, bytes.subarray(0, whole), (over) => {
      this.#underWay = 0
      if (over) this.destroy()
      callback()
    })
  }

  _final(callback) {
    this.#hub.drain(this.#writer, (over) => {
      if (over) this.destroy()
      callback()
    })
  }

  _destroy(error, callback) {
    // Ended in good order, what is queued has played out; otherwise it is not to be heard any more.
    if (!this.writableFinished) this.#hub.engine.clear(this.#writer)
    this.#hub.closeWriter(this.#writer)
    callback(error)
  }

  /** Forgets everything that was written and not yet sent: for an interruption in mid-sentence. */
  clear() {
    this.#forgotten = this.writableLength - this.#underWay
    this.#half = null
    this.#hub.engine.clear(this.#writer)
  }

  /** Milliseconds queued in the engine and not yet sent. */
  get queuedMs() {
    return this.#hub.engine.queuedMs(this.#writer)
  }
}

/** Frames of a batch: views of one buffer, with what is known of each. */
function* framesOf({ pcm, frames, sampleRate }) {
  let from = 0
  for (let i = 0; i < frames.length; i += 3) {
    const frame = frames.length === 3 ? pcm : pcm.subarray(from, from + frames[i])
    from += frames[i]
    frame.timestamp = frames[i + 1]
    frame.concealed = frames[i + 2] === 1
    frame.sampleRate = sampleRate
    yield frame
  }
}

/** The next batch of a reader; rejects when the signal is aborted. */
function nextBatch(hub, reader, signal) {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const abort = () => reject(signal.reason)
    signal?.addEventListener('abort', abort, { once: true })
    hub.read(reader, (batch) => {
      signal?.removeEventListener('abort', abort)
      resolve(batch)
    })
  })
}

async function* frames(hub, reader, signal) {
  try {
    for (let batch; (batch = await nextBatch(hub, reader, signal)); ) yield* framesOf(batch)
  } finally {
    hub.closeReader(reader)
  }
}

/** Recordings that JavaScript has let go of need not be kept for a report. */
const forgotten = new FinalizationRegistry(({ hub, id }) => hub.deref()?.engine.forgetRecording(id))

/** A recording that goes on, until it is stopped or the call is over. */
class Recording {
  #hub
  #id
  #seconds = 0

  constructor(hub, id, path) {
    this.#hub = hub
    this.#id = id
    forgotten.register(this, { hub: new WeakRef(hub), id })
    /** The file. */
    this.path = path
    /** Resolves to { code, status, seconds } once the file is whole. */
    this.done = hub.ticket(id).then((outcome) => {
      this.#seconds = outcome.seconds ?? this.#seconds
      return { ...outcome, seconds: this.#seconds }
    })
  }

  /** Seconds that are in the file so far. */
  get seconds() {
    return (this.#seconds = Math.max(this.#seconds, this.#hub.engine.recordedSeconds(this.#id)))
  }

  /** Leaves out what is said from now on, for privacy; the pause is marked in the file. */
  pause() {
    this.#hub.engine.pauseRecording(this.#id, true)
  }

  /** Goes on after `pause`. */
  resume() {
    this.#hub.engine.pauseRecording(this.#id, false)
  }

  /** Writes a page of HTML about what was recorded so far. Throws for a file that cannot be written. */
  report(path) {
    const wrong = this.#hub.engine.report(this.#id, fileName(path))
    if (wrong) throw new MonipyError(1003, wrong)
  }

  /** Ends it; resolves as `done`. */
  stop() {
    this.#hub.engine.stopRecording(this.#id)
    return this.done
  }
}

/** The sound of one call: what `callStream` brings as `status` and as `stream`. */
class CallStream {
  #hub
  #defaults
  #readable = null
  #writable = null
  #writers = new Set()
  #over = false

  /** Made by MONIPY. `defaults`: rate and frameMs of the constructor's options. */
  constructor(hub, call, defaults) {
    this.#hub = hub
    this.#defaults = defaults
    /** Number of the call. */
    this.call = call
  }

  /** Whether the call still goes on. */
  get active() {
    return !this.#over
  }

  /** What is heard, as bytes from the first time it is asked for; always the same stream. */
  get readable() {
    return (this.#readable ??= this.createReadable())
  }

  /** A way to speak; always the same stream. */
  get writable() {
    return (this.#writable ??= this.createWritable())
  }

  /** What is heard, as a new Readable. Several of one call are independent of each other. */
  createReadable({ rate = this.#defaults.rate, frameMs = this.#defaults.frameMs, party, signal } = {}) {
    const reader = this.#open('openReader', rate, frameMs, party)
    const readable = new PcmReadable(this.#hub, reader, rate)
    return signal ? addAbortSignal(signal, readable) : readable
  }

  /** A way to speak, as a new Writable. Several of one call are mixed. */
  createWritable({ rate = this.#defaults.rate, signal } = {}) {
    const writable = new PcmWritable(this.#hub, this.#open('openWriter', rate), rate)
    this.#writers.add(writable)
    writable.once('close', () => this.#writers.delete(writable))
    if (this.#over) writable.destroy()
    return signal ? addAbortSignal(signal, writable) : writable
  }

  /** What is heard, frame by frame: `for await (const frame of stream.frames({ rate: 16000 }))`. */
  frames({ rate = this.#defaults.rate, frameMs = this.#defaults.frameMs, party, signal } = {}) {
    return frames(this.#hub, this.#open('openReader', rate, frameMs, party), signal)
  }

  [Symbol.asyncIterator]() {
    return this.frames()
  }

  /**
   * Speaks PCM, or the sound file of that path (WAV of any kind, Ogg Opus), into the call and resolves
   * once it was sent: 200, or 1002 when the call ended first. It is mixed with the microphone and with
   * what else is said. Rejects when the signal is aborted (what was not sent is then forgotten), and
   * for a file or a rate that cannot be played.
   */
  async play(sound, { rate = this.#defaults.rate, signal } = {}) {
    signal?.throwIfAborted()
    if (typeof sound === 'string' || sound instanceof URL) return this.#playFile(fileName(sound), signal)
    const writable = this.createWritable({ rate })
    const abort = () => writable.destroy(signal.reason)
    signal?.addEventListener('abort', abort, { once: true })
    writable.once('error', noop)
    if (!writable.destroyed) writable.end(sound)
    await new Promise((resolve) => writable.once('close', resolve))
    signal?.removeEventListener('abort', abort)
    signal?.throwIfAborted()
    return writable.writableFinished ? { code: 200, status: 'played' } : { code: 1002, status: 'the call is over' }
  }

  async #playFile(path, signal) {
    const playing = this.#open('play', path)
    if (playing === 0) return { code: 1002, status: 'the call is over' }
    const abort = () => this.#hub.engine.stopPlaying(playing)
    signal?.addEventListener('abort', abort, { once: true })
    const { code, status } = await this.#hub.ticket(playing)
    signal?.removeEventListener('abort', abort)
    signal?.throwIfAborted()
    if (code === 1003) throw new MonipyError(code, status)
    return { code, status }
  }

  /**
   * Records the call: to Ogg Opus, straight from the packets of what is heard, for a name that ends
   * in .opus, .ogg or .oga; else to WAV, what is heard on the left, what is said on the right. Begins
   * now and ends with the call, or with `stop()`. Throws for a file that cannot be written.
   */
  record(path, { rate = this.#defaults.rate, signal } = {}) {
    const recording = new Recording(this.#hub, this.#hub.open('record', this.call, fileName(path), rate), path)
    if (signal?.aborted) void recording.stop()
    signal?.addEventListener('abort', () => void recording.stop(), { once: true })
    return recording
  }

  /** Figures of the call now, those of the `stats` event; null when it is over. */
  stats() {
    return this.#hub.engine.figures(this.call)
  }

  /** The call is over: nobody can be spoken to any more. Readers end by themselves. */
  _end() {
    this.#over = true
    for (const writable of this.#writers) writable.destroy()
  }

  /** A reader or writer; for a call that is over, one that ends at once. */
  #open(method, ...args) {
    try {
      return this.#hub.open(method, this.call, ...args)
    } catch (error) {
      if (!(error instanceof MonipyError) || error.code !== 1002) throw error
      this.#over = true
      return 0
    }
  }
}

function fileName(path) {
  return path instanceof URL ? fileURLToPath(path) : String(path)
}

function noop() {}

module.exports = { CallStream }
