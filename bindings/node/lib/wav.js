'use strict'
// Reads WAV files of 16-bit samples, the form that everybody writes.

const fs = require('node:fs/promises')
const { MonipyError } = require('./error')

const PCM = 1
const EXTENSIBLE = 0xfffe

/** Mono samples of a file and their rate; several channels are mixed. Rejects with code 1003. */
async function readWav(file) {
  const wrong = (why) => new MonipyError(1003, `wav: ${file} ${why}`)
  const bytes = await fs.readFile(file).catch((e) => {
    throw wrong(`cannot be read: ${e.message}`)
  })
  if (bytes.length < 12 || bytes.toString('latin1', 0, 4) !== 'RIFF' || bytes.toString('latin1', 8, 12) !== 'WAVE') {
    throw wrong('is not a WAV file')
  }
  let format = null
  for (let at = 12; at + 8 <= bytes.length; ) {
    const name = bytes.toString('latin1', at, at + 4)
    const body = bytes.subarray(at + 8, at + 8 + bytes.readUInt32LE(at + 4))
    at += 8 + body.length + (body.length & 1)
    if (name === 'fmt ' && body.length >= 16) {
      format = { tag: body.readUInt16LE(0), channels: body.readUInt16LE(2), rate: body.readUInt32LE(4), bits: body.readUInt16LE(14) }
      const plain = format.tag === PCM || (format.tag === EXTENSIBLE && body.length >= 26 && body.readUInt16LE(24) === PCM)
      if (!plain || format.bits !== 16 || format.channels === 0) throw wrong('does not hold 16-bit PCM')
    } else if (name === 'data' && format) {
      return { pcm: mono(body, format.channels), rate: format.rate }
    }
  }
  throw wrong('ends before its samples')
}

function mono(body, channels) {
  const pcm = new Int16Array(Math.floor(body.length / 2 / channels))
  for (let i = 0, at = 0; i < pcm.length; i++) {
    let sum = 0
    for (let c = 0; c < channels; c++, at += 2) sum += body.readInt16LE(at)
    pcm[i] = sum / channels
  }
  return pcm
}

module.exports = { readWav }
