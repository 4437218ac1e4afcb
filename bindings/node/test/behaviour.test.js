'use strict'
// The behaviour suite of all faces (tests/behaviour), from Node: the same scenarios must give the
// same events with the same codes in the same order. Below it, what only this face can show.

const test = require('node:test')
const assert = require('node:assert/strict')
const path = require('node:path')
const { Centre, skip } = require('./support/centre')

const EXPECTED = require(path.join(process.env.MONIPY_BEHAVIOUR ?? path.join(__dirname, '../../../tests/behaviour'), 'expected.json'))

function matches(step, event) {
  return Object.entries(step).every(([field, value]) => {
    if (field === 'optional') return true
    return Array.isArray(value) ? value.includes(event[field]) : event[field] === value
  })
}

/** Compares by the rules of tests/behaviour/README.md. */
function compare(expected, seen) {
  const events = seen.filter((e) => e.event !== 'stats')
  const stream = events.findIndex((e, i) => e.event === 'callStream' && events[i + 1]?.event === 'answered')
  if (stream >= 0) [events[stream], events[stream + 1]] = [events[stream + 1], events[stream]]
  let at = 0
  for (const step of expected) {
    if (at < events.length && matches(step, events[at])) at += 1
    else if (!step.optional) break
    else continue
  }
  const said = events.map(({ event, code, type, whom, dtmf }) => JSON.stringify({ event, code, type, whom, dtmf }))
  const wanted = expected.filter((step) => !step.optional)
  const enough = wanted.every((step) => events.some((e) => matches(step, e)))
  assert.ok(enough && at === events.length, `expected\n${expected.map((s) => JSON.stringify(s)).join('\n')}\nseen\n${said.join('\n')}`)
}

/** How many steps a scenario surely has: to wait for what comes after the last outcome. */
async function whole(phone, expected) {
  const least = expected.filter((step) => !step.optional).length
  while (phone.seen.length < least) await phone.any()
}

const run = new Set()

function scenario(name, options, body) {
  run.add(name)
  test(name, { skip }, async (t) => {
    // Tones, which are heard at any moment; speech pauses.
    const centre = await Centre.start(t, '--agent', 'tone:440', '--customer', 'tone:1000')
    const phone = centre.phone(options)
    const login = async () => assert.deepEqual(await phone.login(centre.id, centre.password), { code: 200, status: 'Logged in successfully' })
    await body(phone, centre, login)
    await whole(phone, EXPECTED[name])
    compare(EXPECTED[name], phone.seen)
    const seqs = phone.seen.map((e) => e.seq)
    assert.deepEqual(seqs, seqs.map((_, i) => i + 1))
  })
}

scenario('login', {}, async (phone, centre, login) => {
  await login()
  assert.deepEqual([phone.isLogedIn(), phone.isConnected()], [true, true])
  assert.deepEqual(await phone.logout(), { code: 200, status: 'Logged out successfully' })
  assert.deepEqual([phone.isLogedIn(), phone.isConnected()], [false, false])
})

scenario('wrong_password', {}, async (phone, centre) => {
  assert.deepEqual(await phone.login(centre.id, 'wrong'), { code: 401, status: 'Invalid Login ID or Password' })
})

scenario('too_many_connections', {}, async (phone, centre) => {
  await centre.misbehave('unavailable', { retry_after: 0, times: 1 })
  assert.equal((await phone.login(centre.id, centre.password)).code, 405)
})

scenario('already_logged_in', {}, async (phone, centre, login) => {
  await login()
  assert.deepEqual(await phone.login(centre.id, centre.password), { code: 1001, status: 'Already logged in' })
})

scenario('logout_before_login', {}, async (phone) => {
  assert.deepEqual(await phone.logout(), { code: 1002, status: 'Need to log in first' })
})

scenario('answer_without_call', {}, async (phone, centre, login) => {
  await login()
  assert.deepEqual(await phone.answer(), { code: 1002, status: 'no incoming call to answer' })
  assert.deepEqual(await phone.reject(), { code: 1002, status: 'No ongoing calls to reject' })
  assert.deepEqual(await phone.terminate(), { code: 1002, status: 'No ongoing calls to terminate' })
})

scenario('barge_answered', {}, async (phone, centre, login) => {
  await login()
  let outcome
  phone.on('inComingCall', (call) => {
    outcome = phone.answer(call)
    assert.equal(typeof call.from, 'string')
    assert.equal(call.call_id, phone.getCallId())
    assert.equal(call.headers['X-Call-ID'] ?? call.headers['X-cmi-uuid'], call.call_id)
  })
  const [stream, answered] = [phone.waitFor('callStream'), phone.waitFor('answered')]
  const leg = await centre.barge()
  const event = await stream
  assert.equal(event.status, event.stream)
  await answered
  assert.equal((await outcome).code, 200)
  // What the supervisor hears is known here; the centre says whether it is agent and customer.
  await centre.hears(event.stream, 'agent', 'customer')
  const ended = phone.waitFor('ended')
  await centre.hangUp(leg)
  assert.equal((await ended).call, event.call)
  assert.equal(phone.getCallId(), false)
})

scenario('barge_rejected', {}, async (phone, centre, login) => {
  await login()
  const ringing = phone.waitFor('ringing')
  const leg = await centre.barge()
  await ringing
  assert.deepEqual(await phone.reject(), { code: 200, status: 'hangup' })
  await centre.leg(leg, 'ended')
})

scenario('ringing_timed_out', { ringTime: 1 }, async (phone, centre, login) => {
  await login()
  const hangup = phone.waitFor('hangup')
  await centre.barge()
  await hangup
})

scenario('caller_gives_up', {}, async (phone, centre, login) => {
  await login()
  const ended = phone.waitFor('ended')
  await centre.misbehave('cancel-before-answer', { times: 1 })
  await centre.barge()
  await ended
})

scenario('terminate', {}, async (phone, centre, login) => {
  await login()
  const { leg, stream } = await centre.talking(phone)
  assert.deepEqual(await phone.terminate(), { code: 200, status: 'hangup' })
  assert.equal(stream.active, false)
  await centre.leg(leg, 'ended')
  assert.deepEqual(await phone.terminate(), { code: 1002, status: 'No ongoing calls to terminate' })
})

scenario('terminate_in_incoming', {}, async (phone, centre, login) => {
  await login()
  phone.on('inComingCall', () => void phone.terminate())
  const hangup = phone.waitFor('hangup')
  await centre.barge()
  await hangup
})

scenario('hold_near', {}, async (phone, centre, login) => {
  await login()
  await centre.talking(phone)
  assert.equal((await phone.hold()).code, 200)
  assert.equal(phone.onHold(), true)
  assert.equal((await phone.hold()).code, 1002)
  assert.equal((await phone.unHold()).code, 200)
  assert.equal(phone.onHold(), false)
})

scenario('hold_far', {}, async (phone, centre, login) => {
  await login()
  const { leg } = await centre.talking(phone)
  for (const name of ['hold', 'unhold']) {
    const told = phone.waitFor(name)
    await centre.post(`/legs/${leg.id}/${name}`)
    assert.equal((await told).whom, 'other')
  }
  assert.equal((await phone.terminate()).code, 200)
})

scenario('mute', {}, async (phone, centre, login) => {
  await login()
  await centre.talking(phone)
  assert.equal((await phone.mute()).code, 200)
  assert.equal(phone.onMute(), true)
  assert.equal((await phone.unMute()).code, 200)
  assert.equal(phone.onMute(), false)
  assert.equal((await phone.terminate()).code, 200)
})

scenario('dtmf', {}, async (phone, centre, login) => {
  await login()
  const { leg } = await centre.talking(phone)
  assert.equal((await phone.sendDtmf('12x')).code, 1005)
  const last = phone.waitFor('dtmf', { filter: (e) => e.dtmf === '*' })
  await centre.post(`/legs/${leg.id}/dtmf`, { digits: '24*' })
  await last
  assert.equal((await phone.sendDtmf('159#')).code, 200)
  // Keys of ours take time: the centre hears them as they are pressed.
  for (let digits = ''; digits !== '159#'; ) ({ digits } = await centre.leg(leg))
  assert.equal((await phone.terminate()).code, 200)
})

scenario('second_call', {}, async (phone, centre, login) => {
  await login()
  await centre.talking(phone)
  const missed = phone.waitFor('missed')
  await centre.barge()
  assert.equal((await missed).call, undefined)
  assert.equal(phone.calls().length, 1)
  assert.equal((await phone.terminate()).code, 200)
})

scenario('server_lost', {}, async (phone, centre, login) => {
  await login()
  const again = phone.waitFor('login')
  await centre.misbehave('server-gone', { seconds: 0.2 })
  await again
  assert.equal(phone.isLogedIn(), true)
  await centre.get(`/supervisors/${centre.id}?wait=registered`)
})

scenario('outgoing', {}, async (phone, centre, login) => {
  await login()
  await centre.call()
  const [stream, answered] = [phone.waitFor('callStream'), phone.waitFor('answered')]
  assert.equal((await phone.call('*80')).code, 200)
  await Promise.all([stream, answered])
  assert.equal((await phone.terminate()).code, 200)
})

scenario('audio', {}, async (phone, centre, login) => {
  await login()
  const { stream } = await centre.talking(phone)
  await centre.hears(stream, 'agent', 'customer')
  const control = new AbortController()
  const tone = Int16Array.from({ length: 30 * 16000 }, (_, i) => 8000 * Math.sin((2 * Math.PI * 2500 * i) / 16000))
  const speaking = stream.play(tone, { rate: 16000, signal: control.signal }).catch((e) => e)
  const call = await centre.call()
  for (let level = -127; level < -30; ) ({ level_dbfs: level } = await centre.get(`/calls/${call}/tone?listener=agent&hz=2500`))
  control.abort()
  assert.equal((await speaking).name, 'AbortError')
  assert.equal((await phone.terminate()).code, 200)
})

test('every scenario of the suite is run', () => {
  assert.deepEqual([...run].sort(), Object.keys(EXPECTED).sort())
})

// --- Only here ---

test('two calls at once with maxCalls: methods take the call they are for', { skip }, async (t) => {
  const centre = await Centre.start(t)
  const phone = await centre.loggedIn({ maxCalls: 2 })
  const first = await centre.talking(phone)
  const second = await centre.talking(phone)
  assert.notEqual(first.stream.call, second.stream.call)
  assert.deepEqual(phone.calls().map((c) => c.state), ['answered', 'answered'])
  assert.equal((await phone.terminate({ call: first.stream.call })).code, 200)
  assert.deepEqual(phone.calls().map((c) => c.id), [second.stream.call])
  assert.equal((await phone.terminate()).code, 200)
})

test('after a wrong password the right one logs in', { skip }, async (t) => {
  const centre = await Centre.start(t)
  const phone = centre.phone()
  assert.equal((await phone.login(centre.id, 'wrong')).code, 401)
  assert.equal((await phone.login(centre.id, centre.password)).code, 200)
})

test("a page of the vendor's, fire and forget, with callbacks alone", { skip }, async (t) => {
  const centre = await Centre.start(t)
  const monipy = centre.phone({ name: 'Sue', debug: false, autoplay: false, autoReboot: false, ringTime: 60 })
  const log = []
  const done = new Promise((resolve) => {
    monipy.on('login', (object) => object.code === 200 && centre.barge())
    monipy.on('inComingCall', (object) => {
      log.push(object.from)
      monipy.answer()
    })
    monipy.on('callStream', (object) => {
      log.push(typeof object.status)
      monipy.sendDtmf(5)
      monipy.terminate()
    })
    monipy.on('hangup', (object) => {
      log.push(object.code)
      monipy.logout()
    })
    monipy.on('logout', resolve)
  })
  monipy.login(centre.id, centre.password)
  await done
  assert.equal(typeof log[0], 'string')
  assert.deepEqual(log.slice(1), ['object', 200])
})
