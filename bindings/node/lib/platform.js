'use strict'
// Which prebuilt native part fits this machine: `linux-x64-gnu`, `darwin-arm64`, ... The names are
// those of @napi-rs/cli, which packs them.

/** Linux with musl in place of glibc (Alpine). */
function isMusl() {
  // The report names glibc's version when there is one; no process is started to find out.
  return !process.report?.getReport().header.glibcVersionRuntime
}

/** The name of this machine. */
function platform() {
  return process.platform === 'linux' && isMusl() ? candidates()[1] : candidates()[0]
}

/** Names to try, the likeliest first: to ask for the C library takes longer than to try both. */
function candidates() {
  const { platform: system, arch } = process
  if (system === 'linux') return [`linux-${arch}-gnu`, `linux-${arch}-musl`]
  if (system === 'win32') return [`win32-${arch}-msvc`]
  return [`${system}-${arch}`]
}

module.exports = { platform, candidates }
