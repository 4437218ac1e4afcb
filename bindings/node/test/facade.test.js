'use strict'
// What the class promises before any server is in sight.

const test = require('node:test')
const assert = require('node:assert/strict')
const { EventEmitter, once } = require('node:events')
const net = require('node:net')
const { execFileSync } = require('node:child_process')
const MONIPY = require('monipy')

/** A port that refuses connections: nothing listens on 9 (discard) here. */
const NOWHERE = 'ws://127.0.0.1:9'

/** Supervisors of a test, closed after it. */
function phoneFor(t, options) {
  const phone = new MONIPY({ audioMode: 'application', server: NOWHERE, ...options })
  t.after(() => phone.close())
  return phone
}

test('the class is the default and a named export, in CommonJS and in ESM, and an EventEmitter', async () => {
  const esm = await import('monipy')
  assert.equal(esm.default, MONIPY)
  assert.equal(esm.MONIPY, MONIPY)
  assert.equal(MONIPY.MONIPY, MONIPY)
  assert.equal(MONIPY.default, MONIPY)
  assert.deepEqual(Object.keys(esm).sort(), ['CallStream', 'Code', 'EVENTS', 'MONIPY', 'MonipyError', 'OPTION_NAMES', 'default', 'devices', 'readWav', 'version'])
  assert.ok(MONIPY.prototype instanceof EventEmitter)
  // One version, in Rust and in npm.
  assert.equal(MONIPY.version, require('monipy/package.json').version)
})

test("every method of the vendor's is there", (t) => {
  const phone = phoneFor(t)
  const methods = 'login logout call answer reject terminate hold unHold mute unMute sendDtmf isLogedIn isConnected onHold onMute getCallId'
  for (const name of methods.split(' ')) assert.equal(typeof phone[name], 'function', name)
})

test('methods in the wrong state resolve to the code of the contract and say so by an error event', async (t) => {
  const phone = phoneFor(t)
  const told = []
  phone.on('error', ({ code, status }) => told.push({ code, status }))
  const wrong = [
    ['answer'], ['reject'], ['terminate'], ['logout'], ['hold'], ['unHold'], ['mute'], ['unMute'], ['sendDtmf', '1'], ['call', '100'],
  ]
  const outcomes = []
  for (const [method, ...args] of wrong) {
    const outcome = await phone[method](...args)
    assert.equal(outcome.code, 1002, method)
    assert.ok(outcome.status.length > 0)
    outcomes.push(outcome)
  }
  assert.deepEqual(told, outcomes)
  assert.equal((await phone.logout()).status, 'Need to log in first')
})

test('an outcome comes after the events that came before it', async (t) => {
  const phone = phoneFor(t)
  let told = 0
  phone.on('error', () => (told += 1))
  const ends = Array.from({ length: 100 }, async (_, i) => {
    await phone.terminate()
    return told - i
  })
  assert.deepEqual(await Promise.all(ends), Array(100).fill(1))
})

test('awaiting one thing after another misses nothing, though all came in one batch', async (t) => {
  const phone = phoneFor(t)
  const first = phone.waitFor('error')
  for (let i = 0; i < 5; i++) void phone.terminate()
  // Holds this thread up, so that all five wait in the native part.
  execFileSync(process.execPath, ['-e', ''])
  const seen = [(await first).seq]
  while (seen.length < 5) seen.push((await phone.waitFor('error')).seq)
  assert.deepEqual(seen, [1, 2, 3, 4, 5])
})

test('an error event without a listener is no exception', async (t) => {
  const phone = phoneFor(t)
  assert.equal((await phone.answer()).code, 1002)
})

test('a login at a server that is not there fails with code 1000, as outcome and as loginFailed', async (t) => {
  const phone = phoneFor(t)
  const failed = phone.waitFor('loginFailed')
  const outcome = await phone.login('supervisor', 'secret')
  const event = await failed
  assert.equal(outcome.code, 1000)
  assert.deepEqual({ code: event.code, status: event.status }, outcome)
  assert.equal(phone.isLogedIn(), false)
})

test('the password is nowhere in what an event or an outcome says', async (t) => {
  const phone = phoneFor(t)
  const failed = phone.waitFor('loginFailed')
  const outcome = await phone.login('supervisor', 'pa55-w0rd')
  assert.ok(!JSON.stringify([outcome, await failed]).includes('pa55-w0rd'))
})

test('arguments that are no text end in 1003', async (t) => {
  const phone = phoneFor(t)
  for (const id of [undefined, null, {}, '', 'a b', 'x\r\ny', 'x'.repeat(5000)]) {
    assert.equal((await phone.login(id, 'secret')).code, 1003, String(id).slice(0, 10))
  }
  assert.equal((await phone.login('supervisor', 'two\nlines')).code, 1003)
})

test('huge text and numbers that are no call are refused, and the phone stays usable', async (t) => {
  const phone = phoneFor(t)
  const huge = '7'.repeat(64 << 20)
  assert.equal((await phone.login(huge, 'secret')).code, 1003)
  assert.equal((await phone.login('supervisor', huge)).code, 1003)
  for (const outcome of [await phone.call(huge), await phone.sendDtmf(huge)]) assert.ok(outcome.code >= 1002 && outcome.code <= 1005, outcome.status)
  assert.throws(() => new MONIPY({ name: huge }), { code: 1003, status: /^name: / })
  for (const call of [-1, NaN, 2 ** 60, 1e308, 'seven', {}, null, Symbol('call'), 12345]) {
    for (const method of ['answer', 'reject', 'terminate', 'hold', 'mute']) assert.equal((await phone[method]({ call })).code, 1002)
    assert.deepEqual([phone.stats({ call }), phone.stream({ call }), phone.onHold({ call })], [null, null, false])
  }
  assert.equal((await phone.logout()).status, 'Need to log in first')
})

test('the engine knows every option of the vocabulary, and says its name here when a value is wrong', () => {
  const vendors = new Set(['name', 'debug', 'autoplay', 'autoReboot', 'ringTime'])
  for (const name of Object.values(MONIPY.OPTION_NAMES).filter((n) => !vendors.has(n))) {
    assert.throws(
      () => new MONIPY({ [name]: { wrong: 1 } }),
      (e) => e instanceof MONIPY.MonipyError && e.code === 1003 && e.status.startsWith(`${name}: it accepts `) && !/nothing yet/.test(e.status),
      name,
    )
  }
  assert.throws(() => new MONIPY({ ringTime: 0 }), { code: 1003, status: 'ringTime: 0; it accepts 1 to 3600' })
  assert.throws(() => new MONIPY({ server: 'http://x' }), { code: 1003, status: /^server: / })
  assert.throws(() => new MONIPY({ sampleRate: 44100 }), { code: 1003, status: /^sampleRate: / })
})

test('options in every form that is offered are taken', async () => {
  const phone = new MONIPY({
    name: 'Sue', debug: false, autoplay: false, autoReboot: true, ringTime: 30, server: NOWHERE, domain: 'example.org',
    iceServers: ['stun:a', { url: 'stun:b' }, { urls: ['turn:c', 'turns:d'], username: 'u', credential: 'p' }, { urls: 'stun:e' }],
    codecs: ['PCMA', 'opus'], maxCalls: 3, audioMode: 'none', sampleRate: 8000, frameMs: 10, inviteHeaders: { 'X-A': 'b' },
    localAddress: '127.0.0.1', statsIntervalMs: 500, comfortTones: 'uk', caFile: null, inputDevice: undefined,
  })
  assert.equal((await phone.close()).code, 200)
})

test("the vendor's options of a wrong type and unknown options are warned of once and not fatal", async () => {
  const warnings = []
  const listen = (w) => w.name === 'MonipyWarning' && warnings.push(w.message)
  process.on('warning', listen)
  for (let i = 0; i < 2; i++) await new MONIPY({ server: NOWHERE, ringTime: '60', region: 'asia' }).close()
  await new Promise(setImmediate)
  process.off('warning', listen)
  assert.deepEqual(warnings, [
    "monipy: option 'ringTime' must be a number; its default is used",
    "monipy: there is no option 'region'; it is ignored",
  ])
})

test('waitFor and once give the next event, and end with their signal', async (t) => {
  const phone = phoneFor(t)
  const errors = [phone.waitFor('error'), phone.once('error')]
  void phone.answer()
  assert.deepEqual(await errors[0], await errors[1])
  // Node's own helper works too.
  const failed = once(phone, 'loginFailed')
  void phone.login('supervisor', 'secret')
  assert.equal((await failed)[0].code, 1000)
  const control = new AbortController()
  const waits = [phone.waitFor('login', { signal: control.signal }), phone.once('login', { signal: control.signal })]
  control.abort()
  for (const wait of waits) await assert.rejects(wait, { name: 'AbortError' })
  await assert.rejects(phone.waitFor('login', { signal: AbortSignal.abort() }), { name: 'AbortError' })
  await assert.rejects(phone.waitFor('incomingCall'), { code: 1003 })
  assert.equal(phone.listenerCount('login'), 0)
})

test('waitFor takes a filter', async (t) => {
  const phone = phoneFor(t)
  const third = phone.waitFor('error', { filter: (e) => e.seq === 3 })
  for (let i = 0; i < 3; i++) void phone.answer()
  assert.equal((await third).seq, 3)
})

test('after close no event comes, what is under way and what comes later ends in 1002', async (t) => {
  const server = net.createServer(() => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const phone = new MONIPY({ server: `ws://127.0.0.1:${server.address().port}` })
  const events = []
  for (const { name } of MONIPY.EVENTS) phone.on(name, (e) => events.push(e))
  const [socket] = await Promise.all([once(server, 'connection').then(([s]) => s), phone.login('supervisor', 'secret').then((o) => assert.equal(o.code, 1002)), (async () => {
    await once(server, 'connection')
    const waiting = phone.waitFor('login')
    const closed = phone.close()
    assert.equal(phone.close(), closed)
    await assert.rejects(waiting, { code: 1002 })
    assert.equal((await closed).code, 200)
  })()])
  socket.destroy()
  for (const method of ['login', 'logout', 'answer', 'terminate', 'sendDtmf']) assert.equal((await phone[method]('1', '2')).code, 1002)
  assert.deepEqual([phone.isLogedIn(), phone.isConnected(), phone.onHold(), phone.onMute(), phone.getCallId()], [false, false, false, false, false])
  assert.deepEqual([phone.calls(), phone.stats(), phone.stream()], [[], null, null])
  assert.deepEqual(events, [])
})

test('close inside a handler: the rest of the batch is dropped', async (t) => {
  const phone = phoneFor(t)
  let told = 0
  const first = new Promise((resolve) => {
    phone.on('error', () => {
      told += 1
      resolve(phone.close())
    })
  })
  const outcomes = Array.from({ length: 20 }, () => phone.terminate())
  assert.equal((await first).code, 200)
  assert.deepEqual(new Set((await Promise.all(outcomes)).map((o) => o.code)), new Set([1002]))
  assert.equal(told, 1)
})

test('Symbol.dispose and Symbol.asyncDispose close', async () => {
  const one = new MONIPY({ server: NOWHERE })
  one[Symbol.dispose]()
  assert.equal((await one.answer()).status, 'the supervisor was shut down')
  const two = new MONIPY({ server: NOWHERE })
  await two[Symbol.asyncDispose]()
  assert.equal((await two.answer()).status, 'the supervisor was shut down')
})

test('many supervisors in one process do not know of each other', async (t) => {
  const phones = Array.from({ length: 50 }, () => phoneFor(t))
  const told = phones.map(() => 0)
  phones.forEach((p, i) => p.on('error', () => (told[i] += 1)))
  await Promise.all(phones.map((p, i) => (i % 2 ? p.answer() : null)))
  assert.deepEqual(told, phones.map((_, i) => i % 2))
})
