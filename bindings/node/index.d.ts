// What `require('monipy')` gives; `import` gives the same by index.d.mts.
/// <reference types="node" />

import type { EventEmitter } from 'node:events'
import type { Readable, Writable } from 'node:stream'
import type { EventName, MonipyEvents, MonipyOptions } from './generated'

export * from './generated'

/** How a method ended: 200 when it went well, else one of {@link Code} or a SIP status code. */
export interface Outcome {
  code: number
  status: string
}

/** Says which call a method is for: an event of the call will do. Left out: the current one. */
export interface CallOptions {
  call?: number | undefined
}

/** What is known of a call at a moment. */
export interface CallInfo {
  id: number
  direction: 'incoming' | 'outgoing'
  state: 'trying' | 'ringing' | 'answering' | 'answered' | 'ended'
  /** This side holds it. */
  onHold: boolean
  /** The far side holds it. */
  heldByOther: boolean
  muted: boolean
  /** Who called, or was called. */
  from: string
  /** The contact centre's id of the call. */
  callId: string
}

/** Figures of a call, counted from its beginning; see the `stats` event. */
export interface Figures {
  packetsReceived: number
  packetsSent: number
  packetsLost: number
  concealedMs: number
  jitterMs: number
  playoutDelayMs: number
  /** From RTCP reports, once known. */
  roundTripMs?: number
  /** Listening quality, 1 to 4.5. */
  mos: number
  /** Level of what is heard in the last second, dBFS; -127 for silence. */
  levelDbfs: number
  /** Level of what is sent. */
  sentLevelDbfs: number
}

/** Samples a second of PCM. */
export type Rate = 8000 | 16000 | 24000 | 48000

export interface AudioOptions {
  /** Hz. Default: the constructor's `sampleRate`, 48000. */
  rate?: Rate
  /** Ends the stream with an AbortError. */
  signal?: AbortSignal | undefined
}

export interface ListenOptions extends AudioOptions {
  /** Length of a frame, ms. Default: the constructor's `frameMs`, 20. */
  frameMs?: 10 | 20 | 40 | 60
  /** The number of one party to hear alone, where the server sends them apart: its place in `parties` of `callStream`. */
  party?: number
}

/** Some milliseconds of what is heard: mono samples. */
export interface AudioFrame extends Int16Array {
  /** Samples since the call's first frame; runs on through loss and hold, so that gaps show. */
  readonly timestamp: number
  /** Some of it had to be invented: a packet was lost or late. */
  readonly concealed: boolean
  /** Hz. */
  readonly sampleRate: number
}

/** Bytes of what is heard: mono, signed 16 bits, little-endian. Ends with the call. */
export interface PcmReadable extends Readable {
  /** Hz. */
  readonly sampleRate: number
}

/**
 * Takes PCM to be said, as bytes (mono, signed 16 bits, little-endian) or as Int16Array. Write as
 * fast as you like and mind the back-pressure: about a second is queued. `finish` comes when all
 * was sent. When the call ends first, the stream is destroyed without an error.
 */
export interface PcmWritable extends Writable {
  /** Hz. */
  readonly sampleRate: number
  /** Milliseconds queued in the engine and not yet sent. */
  readonly queuedMs: number
  /** Forgets everything that was written and not yet sent: for an interruption in mid-sentence. */
  clear(): void
}

/** A recording that goes on. */
export interface Recording {
  /** The file. */
  readonly path: string | URL
  /** Seconds that are in the file so far. */
  readonly seconds: number
  /** Resolves once the file is whole: 200, or 1003 with what the file system said. */
  readonly done: Promise<Outcome & { seconds: number }>
  /** Leaves out what is said from now on, for privacy; the pause is marked in the file. */
  pause(): void
  /** Goes on after `pause`. */
  resume(): void
  /**
   * Writes a page of HTML about what was recorded so far: levels, delay, loss, quality, a timeline.
   * Throws a {@link MonipyError} for a file that cannot be written.
   */
  report(path: string | URL): void
  /** Ends it; resolves as `done`. */
  stop(): Promise<Outcome & { seconds: number }>
}

/** The sound of one call. PCM flows from `callStream` on; it may be asked for earlier. */
export declare class CallStream implements AsyncIterable<AudioFrame> {
  private constructor()
  /** Number of the call. */
  readonly call: number
  /** Whether the call still goes on. */
  readonly active: boolean
  /** What is heard, from the first time it is asked for; always the same stream. */
  readonly readable: PcmReadable
  /** A way to speak; always the same stream. */
  readonly writable: PcmWritable
  /** What is heard, as a new stream. Several of one call are independent of each other. */
  createReadable(options?: ListenOptions): PcmReadable
  /** A way to speak, as a new stream. Several of one call are mixed. */
  createWritable(options?: AudioOptions): PcmWritable
  /** What is heard, frame by frame, from now on. Read it to its end, or `return()` it. */
  frames(options?: ListenOptions): AsyncGenerator<AudioFrame, void, undefined>
  [Symbol.asyncIterator](): AsyncGenerator<AudioFrame, void, undefined>
  /**
   * Speaks PCM, or the sound file of that path (WAV of any kind, Ogg Opus), and resolves once it was
   * sent: 200, or 1002 when the call ended first. It is mixed with the microphone. Rejects when the signal is aborted (what was not sent is then forgotten), and
   * for a file or a rate that cannot be played.
   */
  play(sound: Int16Array | Uint8Array | string | URL, options?: AudioOptions): Promise<Outcome>
  /**
   * Records the call: to Ogg Opus, straight from the packets of what is heard, for a name that ends
   * in .opus, .ogg or .oga; else to WAV, what is heard on the left, what is said on the right.
   * Begins now and ends with the call, with `stop()` or with the signal. Throws a
   * {@link MonipyError} for a file that cannot be written.
   */
  record(path: string | URL, options?: AudioOptions): Recording
  /** Figures of the call now; null when it is over. */
  stats(): Figures | null
}

/** What the constructor and the makers of streams throw. Methods do not throw. */
export declare class MonipyError extends Error {
  constructor(code: number, status: string)
  readonly code: number
  readonly status: string
}

export interface WaitOptions<Event> {
  /** Ends the wait; the promise rejects with the signal's reason. */
  signal?: AbortSignal | undefined
  /** Waits for an event that it is true of. */
  filter?: (event: Event) => boolean
}

/**
 * A supervisor's phone. Methods act at once and resolve, never reject, to how they ended; events
 * tell the same story. Handlers may call any method. The process lives while a supervisor is logged
 * in or about something, and ends by itself after `logout()` or `close()`.
 */
export declare class MONIPY extends EventEmitter {
  /** Throws a {@link MonipyError} with code 1003 that names the option that is wrong. */
  constructor(options?: MonipyOptions)

  /** 200 "Logged in successfully"; 401 wrong id or password; 405; 408; 1001 already logged in. */
  login(id: string, password: string): Promise<Outcome>
  /** 200 "Logged out successfully"; 1002 when not logged in. */
  logout(): Promise<Outcome>
  /** 200 "answered"; 1002 without an incoming call. */
  answer(options?: CallOptions): Promise<Outcome>
  /** Refuses a ringing call with 480, or a SIP code of one's own. 200 "hangup"; 1002. */
  reject(options?: CallOptions & { code?: number }): Promise<Outcome>
  /** Ends a call in any state. 200 "hangup"; 1002. */
  terminate(options?: CallOptions): Promise<Outcome>
  /** Places a call to a number, a feature code or a SIP URI. */
  call(target: string): Promise<Outcome>
  hold(options?: CallOptions): Promise<Outcome>
  unHold(options?: CallOptions): Promise<Outcome>
  mute(options?: CallOptions): Promise<Outcome>
  unMute(options?: CallOptions): Promise<Outcome>
  /** Presses keys. 200; 1005 when one is not 0-9 * # A-D; 1002 without a call. */
  sendDtmf(digits: string | number, options?: CallOptions): Promise<Outcome>

  /** Registered now. (The vendor's spelling.) */
  isLogedIn(): boolean
  /** The link to the server is up. */
  isConnected(): boolean
  /** This side holds the call. */
  onHold(options?: CallOptions): boolean
  onMute(options?: CallOptions): boolean
  /** The contact centre's id of the current call, else false. */
  getCallId(): string | false
  /** The same, by its other name. */
  getCallID(): string | false

  /** Every call that is not over, oldest first. */
  calls(): CallInfo[]
  /** Figures of a call now; null without one. */
  stats(options?: CallOptions): Figures | null
  /**
   * Uses this speaker, by the name or id that {@link devices} gives, null for the default: at once in
   * calls that are up, and in later ones. A card that is not there is waited for. Calls tell what
   * came of it by the event `device`.
   */
  setOutputDevice(name: string | null): void
  /** Uses this microphone. As `setOutputDevice`. */
  setInputDevice(name: string | null): void
  /** The sound of a call, before `callStream` too; null without one. */
  stream(options?: CallOptions): CallStream | null

  /** The next such event. Rejects with code 1002 when the supervisor is closed first. */
  waitFor<K extends EventName>(name: K, options?: WaitOptions<MonipyEvents[K][0]>): Promise<MonipyEvents[K][0]>

  /** Ends calls, logs out, gives everything back. No event comes any more; later methods end in 1002. */
  close(): Promise<Outcome>
  [Symbol.dispose](): void
  [Symbol.asyncDispose](): Promise<void>
  /** Undoes unref. */
  ref(): this
  /** Lets the process end though this supervisor is logged in. */
  unref(): this

  on<K extends EventName>(name: K, listener: (...args: MonipyEvents[K]) => void): this
  addListener<K extends EventName>(name: K, listener: (...args: MonipyEvents[K]) => void): this
  prependListener<K extends EventName>(name: K, listener: (...args: MonipyEvents[K]) => void): this
  prependOnceListener<K extends EventName>(name: K, listener: (...args: MonipyEvents[K]) => void): this
  off<K extends EventName>(name: K, listener: (...args: MonipyEvents[K]) => void): this
  removeListener<K extends EventName>(name: K, listener: (...args: MonipyEvents[K]) => void): this
  once<K extends EventName>(name: K, listener: (...args: MonipyEvents[K]) => void): this
  /** Without a listener: as {@link MONIPY.waitFor}. */
  once<K extends EventName>(name: K, options?: WaitOptions<MonipyEvents[K][0]>): Promise<MonipyEvents[K][0]>
  emit<K extends EventName>(name: K, ...args: MonipyEvents[K]): boolean
}

/** Mono samples of a WAV file (16-bit PCM; several channels are mixed) and their rate. */
export declare function readWav(file: string | URL): Promise<{ pcm: Int16Array; rate: number }>

/** A speaker or a microphone of this machine. */
export interface Device {
  /** The name people know it by. */
  name: string
  /** The name the system knows it by; empty where it has none. */
  id: string
  kind: 'output' | 'input'
  /** What the system takes when nobody chooses. */
  isDefault: boolean
}

/** Every speaker and microphone there is now. Throws a {@link MonipyError} (415) without a sound system. */
export declare function devices(): Device[]

/** The version of the library. */
export declare const version: string

export default MONIPY
