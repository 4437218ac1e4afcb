'use strict'
// The constructor's options on their way to the native part. The vendor's SDK takes a default in
// place of a value of the wrong type, and knows nothing of options it does not know: its pages must
// run here too, so both only get a warning. Our own options are strict.

const { OPTION_NAMES } = require('../generated')

const KNOWN = new Set(Object.values(OPTION_NAMES))
const VENDOR_TYPES = { name: 'string', debug: 'boolean', autoplay: 'boolean', autoReboot: 'boolean', ringTime: 'number' }
const warned = new Set()

function warnOnce(text) {
  if (warned.has(text)) return
  warned.add(text)
  process.emitWarning(text, { type: 'MonipyWarning' })
}

/** The options as the native part reads them. */
function toJson(options) {
  const taken = {}
  for (const [name, value] of Object.entries(options ?? {})) {
    if (value === undefined || value === null) continue
    if (!KNOWN.has(name)) {
      warnOnce(`monipy: there is no option '${name}'; it is ignored`)
      continue
    }
    const type = VENDOR_TYPES[name]
    if (type && typeof value !== type) {
      warnOnce(`monipy: option '${name}' must be a ${type}; its default is used`)
      continue
    }
    taken[name] = value
  }
  return JSON.stringify(taken)
}

/** The native part's sentences begin with the engine's name of an option: here it has another. */
function inOurWords(status) {
  const colon = status.indexOf(':')
  const ours = OPTION_NAMES[status.slice(0, colon)]
  return ours ? ours + status.slice(colon) : status
}

module.exports = { toJson, inOurWords, warnOnce }
