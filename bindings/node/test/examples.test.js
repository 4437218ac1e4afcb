'use strict'
// The programs of examples/node do what they say, against the embedded contact centre.

const test = require('node:test')
const assert = require('node:assert/strict')
const { spawn } = require('node:child_process')
const { once } = require('node:events')
const fs = require('node:fs')
const { createRequire } = require('node:module')
const os = require('node:os')
const path = require('node:path')
const { Centre, skip: noCentre } = require('./support/centre')

const FOLDER = [path.join(__dirname, '../examples'), path.join(__dirname, '../../../examples/node')].find(fs.existsSync)

function unresolved() {
  try {
    return void createRequire(path.join(FOLDER, 'x.js')).resolve('monipy')
  } catch {
    return 'monipy is not installed beside the examples (npm install ./bindings/node at the top)'
  }
}
const skip = noCentre || unresolved() || false

/** A running example and what it has printed. */
class Program {
  constructor(t, name, ...args) {
    this.child = spawn(process.execPath, [path.join(FOLDER, name), ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
    t.after(() => this.child.kill('SIGKILL'))
    this.printed = ''
    this.child.stdout.on('data', (data) => (this.printed += data))
    this.closed = once(this.child, 'close')
  }

  async says(pattern) {
    while (!pattern.test(this.printed)) {
      const [data] = await Promise.race([once(this.child.stdout, 'data'), this.closed.then(() => [])])
      if (data === undefined) assert.match(this.printed, pattern)
    }
  }

  async ends() {
    const [code] = await this.closed
    assert.equal(code, 0, this.printed)
  }
}

function folder(t) {
  const made = fs.mkdtempSync(path.join(os.tmpdir(), 'monipy-'))
  t.after(() => fs.rmSync(made, { recursive: true }))
  return made
}

/** A WAV file of a tone, mono, 16 kHz. */
function toneFile(where, hz, seconds) {
  const pcm = Int16Array.from({ length: 16000 * seconds }, (_, i) => 8000 * Math.sin((2 * Math.PI * hz * i) / 16000))
  const head = Buffer.alloc(44)
  head.write('RIFF....WAVEfmt ', 'latin1')
  head.writeUInt32LE(36 + pcm.byteLength, 4)
  head.writeUInt32LE(16, 16)
  head.writeUInt16LE(1, 20)
  head.writeUInt16LE(1, 22)
  head.writeUInt32LE(16000, 24)
  head.writeUInt32LE(32000, 28)
  head.writeUInt16LE(2, 32)
  head.writeUInt16LE(16, 34)
  head.write('data', 36, 'latin1')
  head.writeUInt32LE(pcm.byteLength, 40)
  const file = path.join(where, 'tone.wav')
  fs.writeFileSync(file, Buffer.concat([head, Buffer.from(pcm.buffer)]))
  return file
}

test('listen.mjs prints levels and ends with Ctrl-C', { skip }, async (t) => {
  const centre = await Centre.start(t, '--agent', 'tone:440', '--customer', 'silence')
  const program = new Program(t, 'listen.mjs', centre.ws, centre.id, centre.password)
  await program.says(/logged in/)
  const leg = await centre.barge()
  await program.says(/-\d\d?\.\d dBFS {2}#+/)
  await centre.hangUp(leg)
  await program.says(/ended: 200/)
  program.child.kill('SIGINT')
  await program.ends()
})

test('barge.mjs speaks a WAV file that the agent hears, and ends by itself', { skip }, async (t) => {
  const centre = await Centre.start(t, '--agent', 'silence', '--customer', 'silence')
  const program = new Program(t, 'barge.mjs', centre.ws, centre.id, centre.password, toneFile(folder(t), 1000, 2))
  await program.says(/logged in/)
  await centre.barge()
  const call = await centre.call()
  for (let level = -127; level < -30; ) ({ level_dbfs: level } = await centre.get(`/calls/${call}/tone?listener=agent&hz=1000`))
  await program.says(/200 played/)
  await program.ends()
})

test('record.mjs leaves a stereo WAV file', { skip }, async (t) => {
  const centre = await Centre.start(t, '--agent', 'tone:440', '--customer', 'silence')
  const where = folder(t)
  const file = path.join(where, 'call.wav')
  const program = new Program(t, 'record.mjs', centre.ws, centre.id, centre.password, file, toneFile(where, 1000, 1))
  await program.says(/logged in/)
  const leg = await centre.barge()
  const call = await centre.call()
  for (let level = -127; level < -30; ) ({ level_dbfs: level } = await centre.get(`/calls/${call}/tone?listener=agent&hz=1000`))
  await centre.hangUp(leg)
  await program.says(/call\.wav: \d+\.\d s/)
  await program.ends()
  const head = fs.readFileSync(file).subarray(0, 44)
  assert.equal(head.toString('latin1', 8, 12), 'WAVE')
  assert.equal(head.readUInt16LE(22), 2)
})
