#!/usr/bin/env node
'use strict'
// npx monipy centre [ARGUMENTS]: starts the embedded contact centre where it is on this machine.

const { spawn } = require('node:child_process')
const { ContactCenterError, findProgram } = require('../testing')

const USAGE = `usage: monipy centre [ARGUMENTS]

Starts the embedded contact centre: a server to log in at, with calls that talk. ARGUMENTS are for it:

  npx monipy centre --barge-after 2     every supervisor that logs in is asked into the call
  npx monipy centre --help              everything it can

It is the program contact-center, looked for in MONIPY_CONTACT_CENTER, then on the PATH.`

function main([command, ...args]) {
  if (command === '--version') return console.log(`monipy ${require('../package.json').version}`)
  if (command !== 'centre') {
    const asked = command === '--help' || command === '-h'
    console[asked ? 'log' : 'error'](USAGE)
    process.exitCode = asked ? 0 : 2
    return
  }
  const child = spawn(findProgram(), args, { stdio: 'inherit' })
  child.once('error', (error) => {
    console.error(error.message)
    process.exitCode = 1
  })
  // Ctrl-C goes to both; the centre says goodbye, and we wait for it.
  process.on('SIGINT', () => {})
  child.once('close', (code) => (process.exitCode = code ?? 1))
}

try {
  main(process.argv.slice(2))
} catch (error) {
  if (!(error instanceof ContactCenterError)) throw error
  console.error(error.message)
  process.exitCode = 1
}
