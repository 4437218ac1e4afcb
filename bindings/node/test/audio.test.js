'use strict'
// PCM out of a call and into it, against the embedded contact centre.

const test = require('node:test')
const assert = require('node:assert/strict')
const { once } = require('node:events')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { pathToFileURL } = require('node:url')
const { finished, pipeline } = require('node:stream/promises')
const { Readable } = require('node:stream')
const MONIPY = require('monipy')
const { Centre, skip } = require('./support/centre')

function scenario(name, body) {
  test(name, { skip }, async (t) => {
    const centre = await Centre.start(t, '--agent', 'tone:440', '--customer', 'silence')
    const phone = await centre.loggedIn()
    await body(centre, phone, t)
  })
}

/** Seconds of a tone. */
function tone(hz, rate, seconds) {
  return Int16Array.from({ length: rate * seconds }, (_, i) => 8000 * Math.sin((2 * Math.PI * hz * i) / rate))
}

function temporary(t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'monipy-'))
  t.after(() => fs.rmSync(folder, { recursive: true }))
  return folder
}

/** A WAV file of 8 kHz with seconds of a tone. */
function toneFile(t, hz, seconds) {
  const pcm = tone(hz, 8000, seconds)
  const head = Buffer.alloc(44)
  head.write('RIFF', 0, 'latin1')
  head.writeUInt32LE(36 + pcm.byteLength, 4)
  head.write('WAVEfmt ', 8, 'latin1')
  head.set([16, 0, 0, 0, 1, 0, 1, 0], 16)
  head.writeUInt32LE(8000, 24)
  head.writeUInt32LE(16000, 28)
  head.set([2, 0, 16, 0], 32)
  head.write('data', 36, 'latin1')
  head.writeUInt32LE(pcm.byteLength, 40)
  const file = path.join(temporary(t), 'tone.wav')
  fs.writeFileSync(file, Buffer.concat([head, Buffer.from(pcm.buffer)]))
  return file
}

/** Share of the power of `pcm` that lies at `hz` (Goertzel). */
function share(pcm, hz, rate) {
  let [re, im, power] = [0, 0, 0]
  pcm.forEach((s, i) => {
    const phase = (2 * Math.PI * hz * i) / rate
    re += s * Math.cos(phase)
    im += s * Math.sin(phase)
    power += s * s
  })
  return power === 0 ? 0 : (2 * (re * re + im * im)) / (pcm.length * power)
}

/** Reads frames until a tenth of a second of them is the agent's tone. */
async function untilTone(frames, rate) {
  let pcm = []
  for await (const frame of frames) {
    pcm = pcm.concat(...frame).slice(-rate / 10)
    if (pcm.length === rate / 10 && share(pcm, 440, rate) > 0.9) return
  }
  assert.fail('the call ended before the tone was heard')
}

scenario('frames at every rate are the length they say, follow each other, and carry the sound', async (centre, phone) => {
  const { stream } = await centre.talking(phone)
  for (const rate of [8000, 16000, 24000, 48000]) {
    let next = null
    let count = 0
    for await (const frame of stream.frames({ rate, frameMs: 10 })) {
      assert.ok(frame instanceof Int16Array)
      assert.deepEqual([frame.length, frame.sampleRate, typeof frame.concealed], [rate / 100, rate, 'boolean'])
      if (next !== null) assert.equal(frame.timestamp, next)
      next = frame.timestamp + frame.length
      if (++count === 20) break
    }
    await untilTone(stream.frames({ rate }), rate)
  }
  await untilTone(stream, 48000)
})

test('one party is heard alone where they come apart', { skip }, async (t) => {
  const centre = await Centre.start(t, '--agent', 'tone:440', '--customer', 'tone:1000')
  const phone = await centre.loggedIn()
  const ringing = once(phone, 'inComingCall')
  await centre.post(`/calls/${await centre.call()}/barge`, { mode: 'listen', supervisor: centre.id, layout: 'apart' })
  await ringing
  const streaming = once(phone, 'callStream')
  await phone.answer()
  const [{ stream, parties }] = await streaming
  assert.equal(parties.length, 2)
  assert.ok(parties.every((p) => p.id && p.name))
  const rate = 8000
  const heard = async (party) => {
    let pcm = []
    for await (const frame of stream.frames({ rate, party })) {
      pcm = pcm.concat(...frame)
      if (pcm.length >= 3 * rate) break
    }
    return pcm.slice(2 * rate, 3 * rate)
  }
  const [agent, customer, both] = await Promise.all([heard(0), heard(1), heard(undefined)])
  assert.ok(share(agent, 440, rate) > 0.9)
  assert.ok(share(customer, 1000, rate) > 0.9)
  assert.ok(Math.min(share(both, 440, rate), share(both, 1000, rate)) > 0.2)
  assert.throws(() => stream.frames({ party: 8 }), { code: 1003 })
})

scenario('readable gives bytes and ends with the call', async (centre, phone) => {
  const { leg, stream } = await centre.talking(phone)
  assert.equal(stream.readable, stream.readable)
  const chunks = []
  stream.readable.on('data', (chunk) => chunks.push(chunk))
  await once(stream.readable, 'data')
  const end = finished(stream.readable)
  await centre.hangUp(leg)
  await end
  assert.equal(Buffer.concat(chunks).length % (48000 * 0.02 * 2), 0)
  // Asked for after the end, there is nothing, and no error.
  for await (const frame of stream.frames()) assert.fail(frame)
  assert.deepEqual(await stream.play(new Int16Array(10)), { code: 1002, status: 'the call is over' })
})

scenario('what is written is heard by the agent and by the customer', async (centre, phone) => {
  const { stream } = await centre.talking(phone)
  const call = await centre.call()
  // Odd pieces of bytes: samples are put together again.
  const bytes = Buffer.from(tone(1000, 16000, 2).buffer)
  const pieces = function* () {
    for (let i = 0; i < bytes.length; i += 333) yield bytes.subarray(i, i + 333)
  }
  const spoken = pipeline(Readable.from(pieces(), { objectMode: false }), stream.createWritable({ rate: 16000 }))
  for (const listener of ['agent', 'customer']) {
    let level
    do ({ level_dbfs: level } = await centre.get(`/calls/${call}/tone?listener=${listener}&hz=1000`))
    while (level < -30)
  }
  await spoken
})

scenario('a writable presses back, takes Int16Array, says how much waits, and can be cleared', async (centre, phone) => {
  const { stream } = await centre.talking(phone)
  const { writable } = stream
  assert.equal(writable, stream.writable)
  // More than the engine's second.
  assert.equal(writable.write(tone(300, 48000, 3)), false)
  writable.write(tone(300, 48000, 3))
  writable.clear()
  await once(writable, 'drain')
  assert.equal(writable.queuedMs < 1000, true)
  assert.equal(writable.writableLength, 0)
  writable.end()
  await finished(writable)
})

scenario('play ends when all was sent, and forgets the rest when it is aborted', async (centre, phone, t) => {
  const { stream } = await centre.talking(phone)
  assert.deepEqual(await stream.play(tone(500, 8000, 0.3), { rate: 8000 }), { code: 200, status: 'played' })
  assert.deepEqual(await stream.play(toneFile(t, 500, 1)), { code: 200, status: 'played' })
  const recording = stream.record(path.join(temporary(t), 'call.opus'))
  await untilTone(stream.frames({ rate: 8000 }), 8000)
  await recording.stop()
  assert.deepEqual(await stream.play(recording.path), { code: 200, status: 'played' })
  await assert.rejects(stream.play(__filename), { code: 1003, status: /cannot be played: neither a WAV nor/ })
  await assert.rejects(stream.play('/nowhere/a.wav'), { code: 1003, status: /cannot be played/ })
  const silenced = new AbortController()
  const file = stream.play(toneFile(t, 500, 60), { signal: silenced.signal })
  setImmediate(() => silenced.abort())
  await assert.rejects(file, { name: 'AbortError' })
  const control = new AbortController()
  const long = stream.play(tone(500, 8000, 60), { rate: 8000, signal: control.signal })
  setImmediate(() => control.abort())
  await assert.rejects(long, { name: 'AbortError' })
  const cut = stream.play(tone(500, 8000, 60), { rate: 8000 })
  await phone.terminate()
  assert.deepEqual(await cut, { code: 1002, status: 'the call is over' })
})

scenario('signals end frames and streams', async (centre, phone) => {
  const { stream } = await centre.talking(phone)
  const control = new AbortController()
  const readable = stream.createReadable({ rate: 8000, signal: control.signal })
  const failed = assert.rejects(finished(readable.resume()), { name: 'AbortError' })
  await assert.rejects(async () => {
    for await (const frame of stream.frames({ signal: control.signal })) control.abort(frame.reason)
  }, { name: 'AbortError' })
  await failed
  assert.throws(() => stream.frames({ rate: 44100 }), { code: 1003, status: /^rate: / })
})

scenario('a recording holds both sides, and ends with the call or when it is stopped', async (centre, phone, t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'monipy-'))
  t.after(() => fs.rmSync(folder, { recursive: true }))
  const { stream } = await centre.talking(phone)
  const first = stream.record(path.join(folder, 'first.wav'), { rate: 16000 })
  const second = stream.record(pathToFileURL(path.join(folder, 'second.wav')), { rate: 8000 })
  assert.equal((await stream.play(tone(1000, 16000, 1), { rate: 16000 })).code, 200)
  const stopped = await first.stop()
  assert.deepEqual([stopped.code, stopped.status], [200, 'recorded'])
  assert.ok(stopped.seconds >= 0.8, String(stopped.seconds))
  assert.equal(first.seconds, stopped.seconds)
  await phone.terminate()
  assert.equal((await second.done).code, 200)
  const bytes = fs.readFileSync(first.path)
  const pcm = new Int16Array(bytes.buffer, bytes.byteOffset + 44, (bytes.length - 44) >> 1)
  // The agent's tone on the left, ours on the right, in the middle of what was said.
  const side = (s) => pcm.filter((_, i) => i % 2 === s).subarray(8000, 11200)
  assert.ok(share(side(0), 440, 16000) > 0.8)
  assert.ok(share(side(1), 1000, 16000) > 0.8)
  assert.throws(() => stream.record(path.join(folder, 'late.wav')), { code: 1002 })
})

scenario('a recording in Ogg Opus is paused, marked, and reported on', async (centre, phone, t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'monipy-'))
  t.after(() => fs.rmSync(folder, { recursive: true }))
  const { stream } = await centre.talking(phone)
  const recording = stream.record(path.join(folder, 'call.opus'))
  const frames = stream.frames({ rate: 8000, frameMs: 20 })
  const hear = async (count) => {
    for (let i = 0; i < count; i++) await frames.next()
  }
  await hear(75)
  recording.pause()
  await hear(50)
  recording.resume()
  await hear(75)
  const { code, seconds } = await recording.stop()
  assert.equal(code, 200)
  assert.ok(seconds >= 1.5 && seconds <= 3.6, String(seconds))
  const bytes = fs.readFileSync(recording.path, 'latin1')
  assert.equal(bytes.split('OpusHead').length - 1, 2)
  assert.match(bytes, /COMMENT=monipy: goes on after a pause of /)
  recording.report(path.join(folder, 'call.html'))
  assert.match(fs.readFileSync(path.join(folder, 'call.html'), 'utf8'), /<h1>Call in call\.opus<\/h1>/)
  assert.throws(() => recording.report('/nowhere/call.html'), { code: 1003 })
  await frames.return()
})

scenario('sound cards are listed, or there is no sound system', async () => {
  try {
    for (const { name, kind, isDefault } of MONIPY.devices()) {
      assert.equal(typeof name, 'string')
      assert.ok(['input', 'output'].includes(kind))
      assert.equal(typeof isDefault, 'boolean')
    }
  } catch (error) {
    assert.equal(error.code, 415)
  }
})

scenario('a recording that cannot be written says so', async (centre, phone) => {
  const { stream } = await centre.talking(phone)
  assert.throws(() => stream.record('/nowhere/at/all.wav'), { code: 1003, status: /^path: / })
})

scenario('figures of a call', async (centre, phone) => {
  const { stream } = await centre.talking(phone)
  await untilTone(stream.frames({ rate: 8000 }), 8000)
  const figures = stream.stats()
  assert.deepEqual(phone.stats(), phone.stats({ call: stream.call }))
  assert.ok(figures.packetsReceived > 0 && figures.levelDbfs > -60 && figures.mos > 1, JSON.stringify(figures))
  await phone.terminate()
  assert.equal(stream.stats(), null)
})

scenario('closing in the middle of all that ends every stream', async (centre, phone) => {
  const { stream } = await centre.talking(phone)
  const readable = finished(stream.readable.resume())
  const writing = stream.play(tone(500, 48000, 10))
  const frames = (async () => {
    for await (const frame of stream) void frame
  })()
  await once(stream.readable, 'data')
  await phone.close()
  await Promise.all([readable, frames])
  assert.equal((await writing).code, 1002)
})
