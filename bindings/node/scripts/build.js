'use strict'
// Builds the native part from the clone's Rust sources and puts it beside index.js.
// node scripts/build.js [--debug] [--target <rust target>] [--out <folder>]

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { platform } = require('../lib/platform')

const here = path.join(__dirname, '..')

/** node's name of a Rust target: `x86_64-unknown-linux-musl` is `linux-x64-musl`. */
function platformOf(target) {
  const [arch, , system, abi] = target.split('-')
  const cpu = { x86_64: 'x64', aarch64: 'arm64' }[arch]
  const name = { linux: `linux-${cpu}-${abi}`, darwin: `darwin-${cpu}`, windows: `win32-${cpu}-${abi}` }[system]
  if (!cpu || !name) throw new Error(`monipy: no name for ${target}`)
  return name
}

function build({ debug = false, target, out = here } = {}) {
  const manifest = path.join(here, 'Cargo.toml')
  const args = ['build', '--locked', '--manifest-path', manifest, '--message-format=json-render-diagnostics']
  if (!debug) args.push('--release')
  if (target) args.push('--target', target)
  const cargo = spawnSync('cargo', args, { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8', maxBuffer: 1 << 28 })
  if (cargo.error?.code === 'ENOENT') {
    throw new Error('monipy: cargo was not found. Rust builds the native part: get it from https://rustup.rs and try again.')
  }
  if (cargo.status !== 0) throw new Error(`monipy: cargo failed (${cargo.status ?? cargo.error}); what it said is above.`)
  const made = cargo.stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line))
    .find((m) => m.reason === 'compiler-artifact' && m.target.name === 'monipy_node' && m.target.kind.includes('cdylib'))
  const library = made.filenames.find((f) => /\.(so|dylib|dll)$/.test(f))
  const file = path.join(out, `monipy.${target ? platformOf(target) : platform()}.node`)
  // Under a new name first: a process that has the old one loaded must not see it change.
  fs.copyFileSync(library, `${file}.new`)
  fs.renameSync(`${file}.new`, file)
  return file
}

module.exports = { build }

if (require.main === module) {
  const args = process.argv.slice(2)
  const after = (flag) => (args.includes(flag) ? args[args.indexOf(flag) + 1] : undefined)
  try {
    console.log(build({ debug: args.includes('--debug'), target: after('--target'), out: after('--out') }))
  } catch (error) {
    console.error(error.message)
    process.exit(1)
  }
}
