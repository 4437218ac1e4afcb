'use strict'
// WAV files as they come, good and bad.

const test = require('node:test')
const assert = require('node:assert/strict')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { readWav } = require('monipy')

function chunk(name, body) {
  const head = Buffer.alloc(8)
  head.write(name, 'latin1')
  head.writeUInt32LE(body.length, 4)
  return Buffer.concat([head, body, Buffer.alloc(body.length & 1)])
}

function format({ tag = 1, channels = 1, rate = 8000, bits = 16 } = {}) {
  const body = Buffer.alloc(16)
  body.writeUInt16LE(tag, 0)
  body.writeUInt16LE(channels, 2)
  body.writeUInt32LE(rate, 4)
  body.writeUInt16LE(bits, 14)
  return chunk('fmt ', body)
}

const samples = (...values) => chunk('data', Buffer.from(Int16Array.from(values).buffer))

function wav(t, ...chunks) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'monipy-'))
  t.after(() => fs.rmSync(folder, { recursive: true }))
  const file = path.join(folder, 'a.wav')
  const body = Buffer.concat([Buffer.from('WAVE'), ...chunks])
  fs.writeFileSync(file, chunk('RIFF', body))
  return file
}

test('mono, stereo, chunks in between, a data chunk that says too much', async (t) => {
  assert.deepEqual(await readWav(wav(t, format(), samples(1, -2, 3))), { pcm: Int16Array.of(1, -2, 3), rate: 8000 })
  const stereo = wav(t, format({ channels: 2, rate: 48000 }), chunk('LIST', Buffer.from('odd')), samples(10, 20, -30, -10))
  assert.deepEqual(await readWav(stereo), { pcm: Int16Array.of(15, -20), rate: 48000 })
  const cut = Buffer.concat([format(), samples(7, 8)])
  cut.writeUInt32LE(0xffffffff, format().length + 4)
  assert.deepEqual((await readWav(wav(t, cut))).pcm, Int16Array.of(7, 8))
})

test('what is no WAV file of 16-bit PCM is refused with a sentence', async (t) => {
  const bad = [
    [wav(t, format({ tag: 3, bits: 32 }), samples(1)), /16-bit PCM/],
    [wav(t, format({ channels: 0 }), samples(1)), /16-bit PCM/],
    [wav(t, format()), /ends before/],
    [wav(t, samples(1)), /ends before/],
    [__filename, /not a WAV/],
    [path.join(__dirname, 'nothing.wav'), /cannot be read/],
  ]
  for (const [file, why] of bad) await assert.rejects(readWav(file), { code: 1003, status: why })
})
