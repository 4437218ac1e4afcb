'use strict'
// The phone of the behaviour suite in Node: commands on standard input, events and replies as lines
// of JSON on standard output. See ../README.md for the commands.
//
//     MONIPY_NODE_PACKAGE=... node phone.js SERVER [KEY=NUMBER...]      keys: ring_time, max_calls

const fs = require('node:fs/promises')
const readline = require('node:readline')
// The installed package: the folder node_modules/monipy of some project.
const MONIPY = require(process.env.MONIPY_NODE_PACKAGE)

const RATE = 16000
const [server, ...settings] = process.argv.slice(2)
const options = { server, iceServers: [], localAddress: '127.0.0.1', audioMode: 'application', sampleRate: RATE, reconnectMinMs: 50, reconnectMaxMs: 300 }
for (const setting of settings) {
  const [key, value] = setting.split('=')
  options[MONIPY.OPTION_NAMES[key]] = Number(value)
}

const phone = new MONIPY(options)
const say = (object) => process.stdout.write(`${JSON.stringify(object)}\n`)
let onIncoming = ''
for (const { name } of MONIPY.EVENTS) {
  phone.on(name, ({ stream, ...event }) => {
    // The stream is no JSON.
    if (stream) event.status = 'stream'
    say(event)
  })
}
phone.on('inComingCall', (call) => {
  if (onIncoming === 'answer') void phone.answer(call)
  if (onIncoming === 'terminate') void phone.terminate(call)
})

/** Writes what is heard in the next so many milliseconds to a file. */
async function hear(milliseconds, path) {
  const parts = []
  let left = (RATE / 1000) * milliseconds
  for await (const frame of phone.stream().frames()) {
    parts.push(Buffer.from(frame.buffer, frame.byteOffset, frame.byteLength))
    if ((left -= frame.length) <= 0) break
  }
  await fs.writeFile(path, Buffer.concat(parts))
  return { code: left <= 0 ? 200 : 1002 }
}

/** Queues what is in a file to be spoken. */
async function speak(path) {
  const writable = phone.stream().createWritable()
  const bytes = await fs.readFile(path)
  await new Promise((resolve, reject) => writable.write(bytes, (error) => (error ? reject(error) : resolve())))
  writable.end()
  return { code: 200 }
}

const commands = {
  login: (id, password) => phone.login(id, password),
  logout: () => phone.logout(),
  call: (target) => phone.call(target),
  answer: () => phone.answer(),
  reject: () => phone.reject(),
  terminate: () => phone.terminate(),
  hold: () => phone.hold(),
  unhold: () => phone.unHold(),
  mute: () => phone.mute(),
  unmute: () => phone.unMute(),
  dtmf: (digits) => phone.sendDtmf(digits),
  hear,
  speak,
  on_incoming(what) {
    onIncoming = what ?? ''
    return { code: 200 }
  },
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const [command, ...words] = line.split(/\s+/).filter(Boolean)
    if (command === 'quit') break
    const run = commands[command] ?? (() => ({ code: 1003 }))
    const { code } = await Promise.resolve(run(...words)).catch((error) => ({ code: error.code ?? 1099 }))
    say({ reply: command, code })
  }
  await phone.close()
  process.stdin.destroy()
}

main()
