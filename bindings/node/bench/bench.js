'use strict'
// Prints what things cost, a line of JSON a figure.
//   node bench/bench.js [native part]
// Events are real ones: a method called in the wrong state gives an outcome and an event. Frames
// come from a call in the embedded contact centre, when there is one; they come in real time, so
// what is measured is the processor's time for each.

const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const MONIPY = require('monipy')

function figure(name, value, unit) {
  console.log(JSON.stringify({ figure: `node ${name}`, value: Number(value.toPrecision(3)), unit }))
}

/** Best of five, in a fresh process, less Node itself; with what is done then. */
function importTime(then = '') {
  const run = (code) => Math.min(...Array.from({ length: 5 }, () => {
    const start = performance.now()
    execFileSync(process.execPath, ['-e', code], { cwd: __dirname })
    return performance.now() - start
  }))
  return run(`${then ? `new (require('monipy'))()${then}` : "require('monipy')"}`) - run('')
}

/** This thread's and the library's threads' time since `start`, us. */
function cpu(start) {
  const { user, system } = process.cpuUsage(start)
  return user + system
}

async function events() {
  const phone = new MONIPY({ eventQueue: 65536 })
  let count = 0
  phone.on('error', () => (count += 1))
  const round = async (n) => {
    count = 0
    const start = process.cpuUsage()
    const began = performance.now()
    await Promise.all(Array.from({ length: n }, () => phone.terminate()))
    if (count !== n) throw new Error(`${count} of ${n} events`)
    return [cpu(start) / n, ((performance.now() - began) * 1000) / n]
  }
  await round(2000)
  const rounds = []
  for (let i = 0; i < 5; i++) rounds.push(await round(10_000))
  figure('method to outcome and event, all threads', Math.min(...rounds.map((r) => r[0])), 'us')
  figure('method to outcome and event, elapsed', Math.min(...rounds.map((r) => r[1])), 'us')
  // One at a time: the way there and back through both threads.
  let best = Infinity
  for (let i = 0; i < 5; i++) {
    const began = performance.now()
    for (let j = 0; j < 1000; j++) await phone.terminate()
    best = Math.min(best, performance.now() - began)
  }
  figure('round trip of one method', best, 'us')
  await phone.close()
}

/** An event from the engine's queue to a handler, alone: what is left when methods ask for nothing. */
async function dispatch() {
  const { Hub } = require(path.join(path.dirname(require.resolve('monipy')), 'lib', 'hub'))
  const line = '{"code":1002,"event":"error","seq":1,"status":"no incoming call to answer","time_ms":1795569384542}'
  const n = 10_000
  const batch = { events: `[${Array(n).fill(line).join()}]` }
  let count = 0
  const hub = new Hub({ pump: () => batch, isConnected: () => false, isLoggedIn: () => false }, () => (count += 1))
  let best = Infinity
  for (let round = 0; round < 6; round++) {
    count = 0
    const start = process.cpuUsage()
    hub.pump()
    while (count < n) await new Promise(setImmediate)
    best = Math.min(best, cpu(start) / n)
  }
  figure('event from its JSON to a handler', best, 'us')
}

async function frames() {
  const { Centre, skip } = require('../test/support/centre')
  if (skip) return console.log(`frames: ${skip}`)
  const ends = []
  const centre = await Centre.start({ after: (end) => ends.unshift(end) })
  const phone = await centre.loggedIn()
  const { stream } = await centre.talking(phone)
  const measure = async (streams) => {
    const readers = Array.from({ length: streams }, () => stream.frames({ rate: 16000, frameMs: 20 }))
    const start = process.cpuUsage()
    let count = 0
    await Promise.all(readers.map(async (reader) => {
      let mine = 0
      for await (const frame of reader) {
        count += frame.length > 0
        if (++mine === 250) break
      }
    }))
    return { us: cpu(start), count }
  }
  await measure(1)
  const [few, many] = [await measure(1), await measure(33)]
  // What the call itself costs is in both; the difference is the frames'.
  figure('20 ms frame at 16 kHz, resampled and delivered', (many.us - few.us) / (many.count - few.count), 'us')
  for (const end of ends) await end()
}

async function main() {
  if (process.argv[2]) figure('size of the native part', fs.statSync(process.argv[2]).size, 'bytes')
  figure('import', importTime(), 'ms')
  figure('cold start to a supervisor and its end', importTime('.close()'), 'ms')
  await dispatch()
  await events()
  await frames()
}

main()
