// What `require('monipy/testing')` and `import … from 'monipy/testing'` give: the embedded contact
// centre for tests. It is the program `contact-center` (`cargo build -p contact-center` in a clone of
// monipy), looked for in MONIPY_CONTACT_CENTER, then on the PATH.

import type { MonipyOptions } from './generated'

/** What the centre refused, or did not see in time; a sentence. */
export declare class ContactCenterError extends Error {}

/** The program. Throws a {@link ContactCenterError} where there is none. */
export declare function findProgram(): string

/** One supervisor's part in a call; the centre says more of it. */
export interface Leg {
  id: number
  [fact: string]: unknown
}

/** How far a leg can have come. */
export type Stage = 'ringing' | 'answered' | 'media' | 'ended'

/** What a supervisor may do in a call. */
export type Mode = 'listen' | 'whisper' | 'barge'

/** `speech`, `silence`, `tone:HZ`, `wav:FILE`. */
export type Sound = string

/**
 * A contact centre of a test's own, a child process with free ports. From the beginning a call of an
 * agent (440 Hz) and a customer (1 kHz) goes on. Waits end after a minute unless a timeout (ms) is given.
 *
 *     await using centre = await ContactCenter.start()
 *     const monipy = new MONIPY(centre.options())
 *     monipy.on('inComingCall', () => monipy.answer())
 *     await monipy.login(centre.id, centre.password)
 *     await centre.barge('listen')
 *     assert.deepEqual(await centre.heard('supervisor'), new Set(['agent', 'customer']))
 */
export declare class ContactCenter {
  protected constructor()
  /** Starts one. The arguments are the program's (`--help` lists them): `start('--agent', 'speech')`. */
  static start(...args: string[]): Promise<ContactCenter>
  /** What the program said of itself. */
  readonly about: {
    ws: string
    wss: string
    ca_file: string
    http: string
    domain: string
    credentials: { id: string; password: string }[]
  }
  /** `ws://` URL for a supervisor's `server`. */
  readonly ws: string
  /** `http://` URL of its control; a browser shows a page there. */
  readonly http: string
  /** A supervisor's login id. */
  readonly id: string
  /** Its password. */
  readonly password: string
  /** Ends it; calls are hung up. */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
  /** The constructor's options for a supervisor of this centre, without a sound card; `more` goes before. */
  options(more?: MonipyOptions): MonipyOptions

  /** Number of the newest call that goes on; one is begun where there is none. */
  call(): Promise<number>
  /** Begins a call. */
  beginCall(sounds?: { agent?: Sound; customer?: Sound }): Promise<number>
  /** Asks a supervisor into a call, by an INVITE. */
  barge(mode?: Mode, supervisor?: string, options?: { call?: number }): Promise<Leg>
  /** The leg, once it has come so far. */
  leg(leg: Leg | number, wait?: Stage, timeout?: number): Promise<Leg>
  /** Ends a leg; before the answer, cancels it. */
  hangUp(leg: Leg | number): Promise<unknown>
  /** Waits until a supervisor has logged in. */
  waitRegistered(supervisor?: string, timeout?: number): Promise<unknown>
  /** Has the centre misbehave: `misbehave('unavailable', { retry_after: 3, times: 1 })`. */
  misbehave(name: string, details?: Record<string, unknown>): Promise<unknown>

  /**
   * Whom a party has heard since somebody last came, left or changed the mode, once that was measured
   * for so many seconds (1). Listeners: `agent`, `customer` and the supervisors' ids.
   */
  heard(listener: string, options?: { seconds?: number; call?: number; timeout?: number }): Promise<Set<string>>
  /** Waits until a party hears these, all of them and nobody else. */
  waitHeard(listener: string, parties: Iterable<string>, options?: { call?: number; timeout?: number }): Promise<void>

  /** A GET of its HTTP control; `get('/help')` lists the requests. */
  get(where: string): Promise<any>
  /** A POST with a body of JSON, or of bytes. */
  post(where: string, body?: unknown): Promise<any>
  /** A request. Rejects with a {@link ContactCenterError} that holds the centre's sentence. */
  ask(method: string, where: string, body?: unknown): Promise<any>
}
