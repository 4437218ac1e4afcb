// Headless Chromium for the tests: reads a JSON object a line, answers each with one.
//
//   {"id": 1, "do": "open", "page": "jssip"}                      a new page of that phone
//   {"id": 2, "do": "eval", "page": "jssip", "js": "phone.log"}   an expression's value; promises are awaited
//   {"id": 3, "do": "notify", "http": "http://…", "wss": 5443}        where the contact centre is (see notify.mjs)
//   {"id": 4, "do": "barge", "uuid": "…", "to": "…"}               a feed client's request (see notify.mjs)
//
// node driver.mjs LOG_FILE MICROPHONE.wav. It ends with its standard input; what each page has heard is
// left beside the log, as PAGE-heard.wav.
import { createServer } from 'node:http'
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { createInterface } from 'node:readline'
import { build } from 'esbuild'
import puppeteer from 'puppeteer-core'
import { askForBarge, vendorHosts } from './notify.mjs'

const [logFile, microphone] = process.argv.slice(2)
const note = (line) => appendFileSync(logFile, `${new Date().toISOString()} ${line}\n`)
const here = import.meta.dirname

const bundles = {}
const { outputFiles } = await build({
  entryPoints: ['jssip', 'sipjs', 'piopiyjs'].map((name) => `${here}/${name}_phone.js`),
  bundle: true,
  write: false,
  outdir: '/',
  format: 'iife',
  define: { global: 'window' },
  logLevel: 'error',
})
for (const file of outputFiles) bundles[file.path.split(/[\\/]/).at(-1)] = file.text
bundles['piopiy.min.js'] = readFileSync(`${here}/node_modules/piopiyjs/dist/piopiy.min.js`, 'utf8')
const scripts = { jssip: ['jssip_phone.js'], sipjs: ['sipjs_phone.js'], piopiyjs: ['piopiy.min.js', 'piopiyjs_phone.js'] }
const pageOf = (name) =>
  `<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><body>${(scripts[name] ?? []).map((src) => `<script src="${src}"></script>`).join('')}`

const server = createServer((request, response) => {
  const script = bundles[request.url.slice(1)]
  response.setHeader('content-type', script ? 'text/javascript' : 'text/html')
  response.end(script ?? pageOf(request.url.slice(1)))
})
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
const origin = `http://127.0.0.1:${server.address().port}`
const vendor = await vendorHosts(note)

const browser = await puppeteer.launch({
  executablePath: process.env.MONIPY_CHROMIUM ?? '/usr/bin/chromium',
  headless: true,
  args: [
    '--no-sandbox',
    '--autoplay-policy=no-user-gesture-required',
    '--allow-loopback-in-peer-connection',
    '--use-fake-ui-for-media-stream',
    '--use-fake-device-for-media-stream',
    `--use-file-for-fake-audio-capture=${microphone}`,
    '--ignore-certificate-errors',
    `--host-resolver-rules=${vendor.rules}`,
    '--disable-features=WebRtcHideLocalIpsWithMdns',
  ],
})
const pages = {}

const actions = {
  async open({ page }) {
    const opened = await browser.newPage()
    opened.on('console', (message) => note(`${page} ${message.type()}: ${message.text()}`))
    opened.on('pageerror', (error) => note(`${page} error: ${error.message}`))
    opened.on('requestfailed', (request) => note(`${page} request: ${request.url()} ${request.failure()?.errorText}`))
    await opened.evaluateOnNewDocument(readFileSync(`${here}/ears.js`, 'utf8'))
    await opened.goto(`${origin}/${page}`)
    pages[page] = opened
    return 'open'
  },
  eval: ({ page, js }) => pages[page].evaluate(js),
  notify: (centre) => vendor.serve(centre),
  barge: ({ uuid, to }) => askForBarge(vendor, uuid, to),
}
const keepWhatWasHeard = async () => {
  for (const [name, page] of Object.entries(pages)) {
    const samples = Buffer.from(await page.evaluate(() => window.ears.tape()), 'base64')
    const header = Buffer.from('RIFF....WAVEfmt ....................data....')
    header.writeUInt32LE(36 + samples.length, 4)
    for (const [at, value] of [[16, 16], [24, 48000], [28, 96000], [40, samples.length]]) header.writeUInt32LE(value, at)
    for (const [at, value] of [[20, 1], [22, 1], [32, 2], [34, 16]]) header.writeUInt16LE(value, at)
    writeFileSync(`${dirname(logFile)}/${name}-heard.wav`, Buffer.concat([header, samples]))
  }
}
const answer = (reply) => process.stdout.write(`${JSON.stringify(reply)}\n`)

createInterface({ input: process.stdin })
  .on('line', async (line) => {
    const { id, do: action, ...rest } = JSON.parse(line)
    note(`< ${line}`)
    try {
      const value = await actions[action](rest)
      note(`> ${JSON.stringify(value)}`)
      answer({ id, value: value ?? null })
    } catch (error) {
      note(`> error ${error.message}`)
      answer({ id, error: error.message })
    }
  })
  .on('close', async () => {
    // A page that is gone or hangs has nothing to tell.
    const patience = new Promise((resolve) => setTimeout(resolve, 3000))
    await Promise.race([keepWhatWasHeard().catch((error) => note(`nothing kept: ${error.message}`)), patience])
    await browser.close()
    process.exit(0)
  })
answer({ id: 0, value: { origin, chromium: await browser.version() } })
