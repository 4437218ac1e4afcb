'use strict'
// The quick start of the read me, as it is printed, against the embedded contact centre.

const test = require('node:test')
const assert = require('node:assert/strict')
const { spawn } = require('node:child_process')
const { once } = require('node:events')
const fs = require('node:fs')
const path = require('node:path')
const { Centre, skip } = require('./support/centre')

test('the quick start logs in, answers, and hears', { skip }, async (t) => {
  const centre = await Centre.start(t)
  const readme = fs.readFileSync(path.join(path.dirname(require.resolve('monipy')), 'README.md'), 'utf8')
  const [, program] = /```js\n([^]*?)```/.exec(readme)
  const own = { 'wss://sip.example.com': centre.ws, 1001: centre.id, secret: centre.password }
  const text = Object.entries(own).reduce((code, [printed, here]) => {
    assert.ok(code.includes(`'${printed}'`), printed)
    return code.replace(`'${printed}'`, JSON.stringify(here))
  }, program)
  const child = spawn(process.execPath, ['--input-type=module', '-e', text], { cwd: __dirname, stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill('SIGKILL'))
  let printed = ''
  child.stdout.on('data', (data) => (printed += data))
  const says = async (pattern) => {
    while (!pattern.test(printed)) await once(child.stdout, 'data')
  }
  await says(/^200 Logged in successfully$/m)
  const leg = await centre.barge()
  // Sound that is not silence.
  await says(/^\d+ \d{3,}$/m)
  await centre.hangUp(leg)
  await says(/^200 call ended$/m)
})
