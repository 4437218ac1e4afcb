'use strict'
// Finds and loads the native part: one built here, else the prebuilt package of this platform.

const path = require('node:path')
const { candidates } = require('./platform')

function load() {
  const names = candidates()
  const places = names.flatMap((name) => [path.join(__dirname, '..', `monipy.${name}.node`), `monipy-${name}`])
  const failures = []
  for (const place of places) {
    try {
      return require(place)
    } catch (error) {
      failures.push(`  ${place}: ${error.message.split('\n')[0]}`)
    }
  }
  throw new Error(
    `monipy: no native part for ${names.join(' or ')} can be loaded.\n${failures.join('\n')}\n` +
      'From a clone of the project run `npm run build` in bindings/node (needs Rust, https://rustup.rs); ' +
      'otherwise reinstall without --no-optional.',
  )
}

module.exports = load()
