'use strict'
// The behaviour suite of all faces, from Node: the same scenarios, the same events with the same
// codes in the same order.

const test = require('node:test')
const assert = require('node:assert/strict')
const { Centre, skip } = require('./support/centre')

/** `answered` and `callStream` come in whichever order they become true: told here as one step. */
function sequence(events) {
  const steps = events.map(({ event, code }) => `${event} ${code}`)
  const stream = steps.indexOf('callStream 200')
  if (stream > 0 && steps[stream - 1] !== 'answered 200' && steps[stream + 1] === 'answered 200') {
    steps.splice(stream, 2, 'answered 200', 'callStream 200')
  }
  return steps
}

const IN = ['connected 200', 'login 200']
const OUT = ['logout 200', 'disconnected 200']
const RINGING = ['trying 100', 'inComingCall 200', 'ringing 183']
const UP = [...RINGING, 'answered 200', 'callStream 200']

function told(phone, ...expected) {
  assert.deepEqual(sequence(phone.seen), expected.flat())
  const seqs = phone.seen.map((e) => e.seq)
  assert.deepEqual(seqs, seqs.toSorted?.((a, b) => a - b) ?? [...seqs].sort((a, b) => a - b))
}

function scenario(name, body) {
  test(name, { skip }, async (t) => body(await Centre.start(t), t))
}

scenario('login, logout', async (centre) => {
  const phone = centre.phone()
  assert.deepEqual(await phone.login(centre.id, centre.password), { code: 200, status: 'Logged in successfully' })
  assert.deepEqual([phone.isLogedIn(), phone.isConnected()], [true, true])
  assert.deepEqual(await phone.logout(), { code: 200, status: 'Logged out successfully' })
  assert.deepEqual([phone.isLogedIn(), phone.isConnected()], [false, false])
  told(phone, IN, OUT)
})

scenario('wrong password', async (centre) => {
  const phone = centre.phone()
  assert.deepEqual(await phone.login(centre.id, 'wrong'), { code: 401, status: 'Invalid Login ID or Password' })
  told(phone, 'connected 200', 'loginFailed 401', 'disconnected 200')
  // And the right one afterwards.
  assert.equal((await phone.login(centre.id, centre.password)).code, 200)
})

scenario('too many connections', async (centre) => {
  await centre.misbehave('unavailable', { retry_after: 0, times: 1 })
  const phone = centre.phone()
  assert.equal((await phone.login(centre.id, centre.password)).code, 405)
})

scenario('already logged in', async (centre) => {
  const phone = await centre.loggedIn()
  assert.deepEqual(await phone.login(centre.id, centre.password), { code: 1001, status: 'Already logged in' })
  told(phone, IN, 'error 1001')
})

scenario('logout before login', async (centre) => {
  const phone = centre.phone()
  assert.deepEqual(await phone.logout(), { code: 1002, status: 'Need to log in first' })
  told(phone, 'error 1002')
})

scenario('barge answered and heard', async (centre) => {
  const phone = await centre.loggedIn()
  const incoming = phone.waitFor('inComingCall')
  const leg = await centre.barge()
  const call = await incoming
  assert.equal(typeof call.from, 'string')
  assert.equal(call.call_id, phone.getCallId())
  assert.equal(call.headers['X-Call-ID'] ?? call.headers['X-cmi-uuid'], call.call_id)
  const stream = phone.waitFor('callStream')
  assert.equal((await phone.answer(call)).code, 200)
  assert.equal((await stream).status, (await stream).stream)
  await centre.heard('supervisor', 'agent', 'customer')
  const ended = phone.waitFor('ended')
  await centre.hangUp(leg)
  assert.equal((await ended).call, call.call)
  told(phone, IN, UP, 'ended 200')
  assert.equal(phone.getCallId(), false)
})

scenario('barge rejected', async (centre) => {
  const phone = await centre.loggedIn()
  const ringing = phone.waitFor('ringing')
  const leg = await centre.barge()
  await ringing
  assert.deepEqual(await phone.reject(), { code: 200, status: 'hangup' })
  await centre.leg(leg, 'ended')
  told(phone, IN, RINGING, 'hangup 200')
  assert.equal((await phone.reject()).status, 'No ongoing calls to reject')
})

scenario('ringing timed out', async (centre) => {
  const phone = await centre.loggedIn({ ringTime: 1 })
  const hangup = phone.waitFor('hangup')
  await centre.barge()
  await hangup
  told(phone, IN, RINGING, 'missed 408', 'hangup 408')
})

scenario('caller gives up', async (centre) => {
  const phone = await centre.loggedIn()
  const ended = phone.waitFor('ended')
  await centre.misbehave('cancel-before-answer', { times: 1 })
  await centre.barge()
  await ended
  const [missed, last] = phone.seen.slice(-2)
  assert.equal(missed.code, last.code)
  told(phone, IN, RINGING, `missed ${last.code}`, `ended ${last.code}`)
})

scenario('terminate', async (centre) => {
  const phone = await centre.loggedIn()
  const { leg, stream } = await centre.talking(phone)
  assert.deepEqual(await phone.terminate(), { code: 200, status: 'hangup' })
  assert.equal(stream.active, false)
  await centre.leg(leg, 'ended')
  assert.equal((await phone.terminate()).status, 'No ongoing calls to terminate')
  told(phone, IN, UP, 'hangup 200', 'error 1002')
})

scenario('terminate inside inComingCall', async (centre) => {
  const phone = await centre.loggedIn()
  phone.on('inComingCall', () => void phone.terminate())
  const hangup = phone.waitFor('hangup')
  await centre.barge()
  await hangup
  assert.ok(!phone.seen.some((e) => e.event === 'answered'))
  assert.equal(phone.seen.at(-1).event, 'hangup')
})

scenario('hold from near and from far', async (centre) => {
  const phone = await centre.loggedIn()
  const { leg } = await centre.talking(phone)
  assert.equal((await phone.hold()).code, 200)
  assert.equal(phone.onHold(), true)
  assert.equal((await phone.hold()).code, 1002)
  assert.equal((await phone.unHold()).code, 200)
  assert.equal(phone.onHold(), false)
  for (const name of ['hold', 'unhold']) {
    const told = phone.waitFor(name)
    await centre.post(`/legs/${leg.id}/${name}`)
    assert.equal((await told).whom, 'other')
  }
  told(phone, IN, UP, 'hold 200', 'error 1002', 'unhold 200', 'hold 200', 'unhold 200')
  assert.deepEqual(phone.seen.filter((e) => e.whom).map((e) => e.whom), ['myself', 'myself', 'other', 'other'])
})

scenario('mute', async (centre) => {
  const phone = await centre.loggedIn()
  await centre.talking(phone)
  assert.equal((await phone.mute()).code, 200)
  assert.equal(phone.onMute(), true)
  assert.equal((await phone.mute()).status, 'call already in mute')
  assert.equal((await phone.unMute()).code, 200)
  assert.equal(phone.onMute(), false)
  told(phone, IN, UP, 'error 1002')
})

scenario('DTMF both ways', async (centre) => {
  const phone = await centre.loggedIn()
  const { leg } = await centre.talking(phone)
  assert.equal((await phone.sendDtmf('12x')).code, 1005)
  assert.equal((await phone.sendDtmf('159#')).code, 200)
  const keys = []
  const all = new Promise((resolve) => phone.on('dtmf', (e) => keys.push(e) === 3 && resolve()))
  await centre.post(`/legs/${leg.id}/dtmf`, { digits: '24*' })
  await all
  assert.deepEqual(keys.map((e) => [e.code, e.dtmf, e.type]), [...'24*'].map((d) => [200, d, 'incoming']))
  // Keys of ours take time: they are heard as they are pressed.
  for (let digits = ''; digits !== '159#'; ) ({ digits } = await centre.leg(leg))
})

scenario('second call while one is up', async (centre) => {
  const phone = await centre.loggedIn()
  await centre.talking(phone)
  const missed = phone.waitFor('missed')
  await centre.barge()
  const event = await missed
  assert.deepEqual([event.code, event.call], [486, undefined])
  assert.equal(phone.calls().length, 1)
  told(phone, IN, UP, 'missed 486')
})

scenario('two calls at once with maxCalls', async (centre) => {
  const phone = await centre.loggedIn({ maxCalls: 2 })
  const first = await centre.talking(phone)
  const second = await centre.talking(phone)
  assert.notEqual(first.stream.call, second.stream.call)
  assert.deepEqual(phone.calls().map((c) => c.state), ['answered', 'answered'])
  assert.equal((await phone.terminate({ call: first.stream.call })).code, 200)
  assert.deepEqual(phone.calls().map((c) => c.id), [second.stream.call])
  await phone.terminate()
})

scenario('server lost and back', async (centre) => {
  const phone = await centre.loggedIn()
  const again = phone.waitFor('login')
  await centre.misbehave('server-gone', { seconds: 0.2 })
  await again
  assert.equal(phone.isLogedIn(), true)
  const [, , lost, ...rest] = phone.seen
  assert.deepEqual([lost.event, lost.code], ['disconnected', 1000])
  assert.deepEqual(rest.filter((e) => e.event !== 'logout').map((e) => e.event), ['connected', 'login'])
  await centre.get(`/supervisors/${centre.id}?wait=registered`)
})

scenario('a call placed by the supervisor', async (centre) => {
  const phone = await centre.loggedIn()
  await centre.call()
  const stream = phone.waitFor('callStream')
  const outcome = await phone.call('*80')
  assert.equal(outcome.code, 200)
  await stream
  const types = phone.seen.filter((e) => e.type).map((e) => [e.event, e.type])
  assert.deepEqual(types.filter(([name]) => name !== 'ringing'), [['trying', 'outgoing'], ['answered', 'outgoing']])
  assert.equal((await phone.terminate()).code, 200)
})
