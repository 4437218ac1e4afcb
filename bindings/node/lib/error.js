'use strict'

/** What constructors and stream factories throw; methods never do, they resolve to {code, status}. */
class MonipyError extends Error {
  constructor(code, status) {
    super(`${status} (code ${code})`)
    this.name = 'MonipyError'
    this.code = code
    this.status = status
  }
}

module.exports = { MonipyError }
