'use strict'
// `monipy/testing` and `npx monipy centre`, as a user's tests use them.

const test = require('node:test')
const assert = require('node:assert/strict')
const { spawnSync } = require('node:child_process')
const { once } = require('node:events')
const path = require('node:path')
const MONIPY = require('monipy')
const { skip } = require('./support/centre')
const { ContactCenter, ContactCenterError, findProgram } = require('monipy/testing')

async function centreOf(t, ...args) {
  const centre = await ContactCenter.start(...args)
  t.after(() => centre.stop())
  return centre
}

test('who heard whom', { skip }, async (t) => {
  const centre = await centreOf(t)
  const monipy = new MONIPY(centre.options())
  t.after(() => monipy.close())
  monipy.on('inComingCall', () => monipy.answer())
  assert.equal((await monipy.login(centre.id, centre.password)).code, 200)
  await centre.waitRegistered()
  const leg = await centre.barge('listen')
  assert.deepEqual(await centre.heard('supervisor'), new Set(['agent', 'customer']))
  assert.deepEqual(await centre.heard('customer'), new Set(['agent']))
  const ended = once(monipy, 'ended')
  await centre.hangUp(leg)
  await ended
})

test('a whisper is for the agent alone', { skip }, async (t) => {
  const centre = await centreOf(t)
  const monipy = new MONIPY(centre.options())
  t.after(() => monipy.close())
  monipy.on('inComingCall', () => monipy.answer())
  await monipy.login(centre.id, centre.password)
  const streaming = monipy.waitFor('callStream')
  await centre.barge('whisper')
  const { stream } = await streaming
  const tone = Int16Array.from({ length: 20 * 16000 }, (_, i) => 8000 * Math.sin((2 * Math.PI * 2500 * i) / 16000))
  void stream.play(tone, { rate: 16000 })
  await centre.waitHeard('agent', ['customer', 'supervisor'])
  assert.deepEqual(await centre.heard('customer'), new Set(['agent']))
})

test('centres run side by side, and each ends with its last use', { skip }, async (t) => {
  const [one, other] = [await centreOf(t), await centreOf(t)]
  assert.notEqual(one.ws, other.ws)
  assert.equal(await one.beginCall({ agent: 'silence' }), await one.call())
  await one[Symbol.asyncDispose]()
  await assert.rejects(one.get('/status'))
  assert.match(await other.get('/help'), /audibility/)
})

test('what is refused is said', { skip }, async (t) => {
  const centre = await centreOf(t)
  await assert.rejects(centre.barge('listen', 'nobody'), (e) => e instanceof ContactCenterError && /404.*nobody/.test(e.message))
  await assert.rejects(centre.heard('supervisor', { timeout: 0 }), /supervisor did not listen/)
  await assert.rejects(ContactCenter.start('--agent', 'humming'), /ended with 2: .*--agent/s)
})

test('a centre that is not there', (t) => {
  const { PATH, MONIPY_CONTACT_CENTER } = process.env
  t.after(() => {
    process.env.PATH = PATH
    if (MONIPY_CONTACT_CENTER) process.env.MONIPY_CONTACT_CENTER = MONIPY_CONTACT_CENTER
  })
  process.env.PATH = ''
  delete process.env.MONIPY_CONTACT_CENTER
  assert.throws(findProgram, /cargo build -p contact-center/)
})

test('the command line starts the centre', { skip }, () => {
  const program = path.join(path.dirname(require.resolve('monipy/package.json')), 'bin/monipy.js')
  const run = (args, env) => spawnSync(process.execPath, [program, ...args], { encoding: 'utf8', env: { ...process.env, ...env } })
  assert.match(run(['centre', '--help']).stdout, /--barge-after/)
  assert.match(run(['--help']).stdout, /npx monipy centre/)
  assert.equal(run([]).status, 2)
  const lacking = run(['centre'], { PATH: '', MONIPY_CONTACT_CENTER: '' })
  assert.equal(lacking.status, 1)
  assert.match(lacking.stderr, /cargo build -p contact-center/)
})
