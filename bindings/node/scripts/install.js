'use strict'
// npm's install step: nothing to do where a prebuilt native part fits this machine; in a clone of
// the project it is built.

const fs = require('node:fs')
const path = require('node:path')
const { platform } = require('../lib/platform')

function prebuilt() {
  try {
    require('../lib/native')
    return true
  } catch {
    return false
  }
}

function main() {
  const clone = fs.existsSync(path.join(__dirname, '..', 'Cargo.toml'))
  if (!clone && prebuilt()) return
  if (!clone) {
    throw new Error(`monipy: there is no prebuilt native part for ${platform()}. From a clone of the project it can be built: npm install ./bindings/node`)
  }
  console.log('monipy: building the native part with cargo; this takes a few minutes the first time')
  try {
    // For the project's own tests: a debug build is made several times as fast.
    require('./build').build({ debug: process.env.MONIPY_BUILD === 'debug' })
  } catch (error) {
    if (!prebuilt()) throw error
    console.error(`${error.message}\nmonipy: the native part that is there already is used`)
  }
}

try {
  main()
} catch (error) {
  console.error(error.message)
  process.exit(1)
}
