'use strict'
// Which prebuilt native part fits this machine: `linux-x64-gnu`, `darwin-arm64`, ... The names are
// those of @napi-rs/cli, which packs them.

/** Linux with musl in place of glibc (Alpine). */
function isMusl() {
  // The report names glibc's version when there is one; no process is started to find out.
  return !process.report?.getReport().header.glibcVersionRuntime
}

function platform() {
  const { platform: system, arch } = process
  if (system === 'linux') return `linux-${arch}-${isMusl() ? 'musl' : 'gnu'}`
  if (system === 'win32') return `win32-${arch}-msvc`
  return `${system}-${arch}`
}

module.exports = { platform }
