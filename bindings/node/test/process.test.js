'use strict'
// How a process that uses the class ends, and what it survives. Each program is a process of its own.

const test = require('node:test')
const assert = require('node:assert/strict')
const { spawn } = require('node:child_process')
const { once } = require('node:events')
const net = require('node:net')
const { Centre, skip } = require('./support/centre')

const PREAMBLE = `
const MONIPY = require('monipy')
const phoneAt = (server, options) => new MONIPY({ server, audioMode: 'application', ...options })
const NOWHERE = 'ws://127.0.0.1:9'
`

/** Runs a program; gives its exit code, signal and what it printed. `act` may steer it meanwhile. */
async function run(t, program, { flags = [], act } = {}) {
  const child = spawn(process.execPath, [...flags, '-e', PREAMBLE + program], { cwd: __dirname, stdio: ['pipe', 'pipe', 'pipe'] })
  t.after(() => child.kill('SIGKILL'))
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (d) => (stdout += d))
  child.stderr.on('data', (d) => (stderr += d))
  await act?.(child, () => stdout)
  const [code, signal] = await once(child, 'close')
  return { code, signal, stdout, stderr }
}

function ended(result, code, stdout) {
  assert.deepEqual([result.code, result.signal, result.stdout], [code, null, stdout], result.stderr)
}

/** A server that takes connections and never says a word: a login at it stays under way. */
async function muteServer(t) {
  const sockets = new Set()
  const server = net.createServer((s) => sockets.add(s.on('error', () => {})))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    for (const s of sockets) s.destroy()
    server.close()
  })
  return { server, url: `ws://127.0.0.1:${server.address().port}` }
}

test('a process with idle supervisors and handlers ends by itself', async (t) => {
  ended(await run(t, `
    for (let i = 0; i < 20; i++) phoneAt(NOWHERE).on('login', () => {})
    console.log('made')
  `), 0, 'made\n')
})

test('outcomes under way keep the process alive until they are told', async (t) => {
  ended(await run(t, `
    const phone = phoneAt(NOWHERE)
    phone.answer().then((o) => { console.log(o.code); return phone.login('1', 'x') }).then((o) => console.log(o.code))
  `), 0, '1002\n1000\n')
})

test('a login under way keeps the process alive; unref lets it end', async (t) => {
  const { server, url } = await muteServer(t)
  const connected = once(server, 'connection')
  const held = await run(t, `
    const phone = phoneAt('${url}')
    phone.login('1', 'x')
    phone.on('loginFailed', ({ code }) => console.log(code))
    process.on('beforeExit', () => console.log('nothing left'))
    process.stdin.once('data', () => { phone.unref(); process.stdin.destroy() })
  `, {
    async act(child) {
      await connected
      child.stdin.write('go')
    },
  })
  ended(held, 0, 'nothing left\n')
})

test('ref undoes unref', async (t) => {
  const { server, url } = await muteServer(t)
  const [, result] = await Promise.all([
    once(server, 'connection').then(([socket]) => socket.destroy()),
    run(t, `
      const phone = phoneAt('${url}').unref().ref()
      phone.login('1', 'x').then((o) => console.log(o.code))
    `),
  ])
  ended(result, 0, '1000\n')
})

test('a supervisor that nobody refers to is not collected while its login is under way', async (t) => {
  const { server, url } = await muteServer(t)
  const connected = once(server, 'connection')
  const result = await run(t, `
    ;(() => { const phone = phoneAt('${url}'); phone.on('loginFailed', ({ code }) => console.log(code)); phone.login('1', 'x') })()
    process.stdin.once('data', () => { for (let i = 0; i < 5; i++) gc(); console.log('collected'); process.stdin.destroy() })
  `, {
    flags: ['--expose-gc'],
    async act(child, printed) {
      const [socket] = await connected
      child.stdin.write('go')
      while (!printed().includes('collected')) await once(child.stdout, 'data')
      socket.destroy()
    },
  })
  ended(result, 0, 'collected\n1000\n')
})

test('idle supervisors, with handlers that refer to them, are collected', async (t) => {
  ended(await run(t, `
    let left = 50
    const registry = new FinalizationRegistry(() => { left -= 1 })
    ;(() => { for (let i = 0; i < 50; i++) { const phone = phoneAt(NOWHERE); phone.on('error', () => phone.calls()); registry.register(phone) } })()
    let turns = 0
    const look = setInterval(() => {
      gc()
      // The last one may still lie on the stack.
      if (left <= 1) { console.log('collected'); clearInterval(look) }
      else if (++turns === 500) { console.log(left, 'left'); clearInterval(look) }
    }, 1)
  `, { flags: ['--expose-gc'] }), 0, 'collected\n')
})

test('process.exit inside a handler ends the process with its code', async (t) => {
  ended(await run(t, `
    const phone = phoneAt(NOWHERE)
    for (let i = 0; i < 50; i++) void phone.terminate()
    phone.on('error', () => { console.log('leaving'); process.exit(7) })
  `), 7, 'leaving\n')
})

test('process.exit with logins under way says good-bye and ends', async (t) => {
  const { server, url } = await muteServer(t)
  const connected = once(server, 'connection')
  const result = await run(t, `
    for (let i = 0; i < 10; i++) void phoneAt('${url}').login('1', 'x')
    process.stdin.once('data', () => process.exit(3))
  `, {
    async act(child) {
      await connected
      child.stdin.write('go')
    },
  })
  ended(result, 3, '')
})

test('a handler that throws is an uncaught exception, and takes no other event with it', async (t) => {
  ended(await run(t, `
    process.on('uncaughtException', (e) => console.log('caught', e.message))
    const phone = phoneAt(NOWHERE)
    phone.on('error', ({ seq }) => { if (seq === 2) throw new Error('seq 2') })
    phone.on('error', ({ seq }) => console.log('told', seq))
    Promise.all([phone.answer(), phone.answer(), phone.answer()]).then((all) => console.log('ended', all.length))
  `), 0, 'told 1\ncaught seq 2\ntold 3\nended 3\n')
})

test('without a listener for uncaught exceptions a throw in a handler ends the process as Node does', async (t) => {
  const result = await run(t, `
    const phone = phoneAt(NOWHERE)
    phone.on('error', () => { throw new Error('on purpose') })
    void phone.answer()
  `)
  assert.equal(result.code, 1)
  assert.match(result.stderr, /Error: on purpose/)
})

test('signals end a process with a login under way', async (t) => {
  const { server, url } = await muteServer(t)
  const connected = once(server, 'connection')
  const result = await run(t, `void phoneAt('${url}').login('1', 'x')`, {
    async act(child) {
      await connected
      child.kill('SIGTERM')
    },
  })
  assert.equal(result.signal, 'SIGTERM')
})

const WORKER = `
const { Worker } = require('node:worker_threads')
const start = (body) => new Worker(${JSON.stringify(PREAMBLE)} + "const { parentPort } = require('node:worker_threads');" + body, { eval: true })
`

test('worker threads load the module side by side, and end by themselves', async (t) => {
  ended(await run(t, `${WORKER}
    const body = "phoneAt(NOWHERE).answer().then((o) => parentPort.postMessage(o.code))"
    const all = Array.from({ length: 6 }, () => new Promise((resolve, reject) => {
      let told
      start(body).on('message', (m) => { told = m }).on('error', reject).on('exit', (code) => resolve([told, code].join()))
    }))
    phoneAt(NOWHERE).answer().then(async (o) => console.log(o.code, ...(await Promise.all(all))))
  `), 0, `1002${' 1002,0'.repeat(6)}\n`)
})

test('a worker is terminated in the middle of a flood of events', async (t) => {
  ended(await run(t, `${WORKER}
    const body = "const p = phoneAt(NOWHERE); p.on('error', () => p.terminate()); for (let i = 0; i < 50; i++) p.terminate(); p.once('error', () => parentPort.postMessage(0))"
    ;(async () => {
      for (let i = 0; i < 5; i++) {
        const worker = start(body)
        await new Promise((resolve) => worker.once('message', resolve))
        await worker.terminate()
      }
      console.log('all terminated')
    })()
  `), 0, 'all terminated\n')
})

test('process.exit in a worker ends the worker alone', async (t) => {
  ended(await run(t, `${WORKER}
    start("const p = phoneAt(NOWHERE); p.on('error', () => process.exit(5)); void p.answer()").on('exit', (code) => console.log('worker', code))
  `), 0, 'worker 5\n')
})

test('200 supervisors come and go without leaving threads or descriptors', { skip: process.platform !== 'linux' && 'reads /proc' }, async (t) => {
  ended(await run(t, `
    const fs = require('node:fs')
    const count = () => fs.readdirSync('/proc/self/task').length + fs.readdirSync('/proc/self/fd').length
    const round = async (n) => { for (let i = 0; i < n; i++) { const p = phoneAt(NOWHERE); await p.answer(); await p.close() } }
    ;(async () => {
      await round(20)
      const before = count()
      await round(200)
      console.log(count() <= before + 2 ? 'none left' : [before, count()].join(' to '))
    })()
  `), 0, 'none left\n')
})

test('a process lives while it is logged in, and ends by itself after logout', { skip }, async (t) => {
  const centre = await Centre.start(t)
  const result = await run(t, `
    const phone = phoneAt('${centre.ws}')
    phone.login('${centre.id}', '${centre.password}')
    process.stdin.once('data', () => { process.stdin.destroy(); phone.logout().then(({ code }) => console.log(code)) })
  `, {
    async act(child) {
      await centre.get(`/supervisors/${centre.id}?wait=registered&timeout_ms=60000`)
      assert.equal(child.exitCode, null)
      child.stdin.write('go')
    },
  })
  ended(result, 0, '200\n')
})

test('process.exit in a call hangs up and takes the registration back', { skip }, async (t) => {
  const centre = await Centre.start(t)
  let leg
  const result = await run(t, `
    const phone = phoneAt('${centre.ws}', { iceServers: [], localAddress: '127.0.0.1' })
    phone.on('inComingCall', () => phone.answer())
    phone.on('callStream', async ({ stream }) => { for await (const frame of stream) if (frame.timestamp > 9600) process.exit(4) })
    phone.login('${centre.id}', '${centre.password}')
  `, {
    async act() {
      await centre.get(`/supervisors/${centre.id}?wait=registered&timeout_ms=60000`)
      leg = await centre.barge()
    },
  })
  ended(result, 4, '')
  await centre.leg(leg, 'ended')
  assert.equal((await centre.get(`/supervisors/${centre.id}?wait=unregistered&timeout_ms=1`)).registered, false)
})

test('a worker that is terminated in a call, with frames on their way, harms nobody', { skip }, async (t) => {
  const centre = await Centre.start(t)
  const body = `
    const phone = phoneAt('${centre.ws}', { iceServers: [], localAddress: '127.0.0.1' })
    phone.on('inComingCall', () => phone.answer())
    phone.on('callStream', ({ stream }) => { stream.play(new Int16Array(480000)); stream.readable.on('data', () => parentPort.postMessage(0)) })
    phone.login('${centre.id}', '${centre.password}')`
  const result = await run(t, `${WORKER}
    const worker = start(${JSON.stringify(body)})
    worker.once('message', async () => console.log(await worker.terminate()))
  `, {
    async act() {
      await centre.get(`/supervisors/${centre.id}?wait=registered&timeout_ms=60000`)
      await centre.barge()
    },
  })
  ended(result, 0, '1\n')
})
