'use strict'

const { MONIPY, CallStream, devices, version } = require('./lib/monipy')
const { MonipyError } = require('./lib/error')
const { readWav } = require('./lib/wav')
const { Code, EVENTS, OPTION_NAMES } = require('./generated')

// `const MONIPY = require('monipy')`, `const { MONIPY } = require('monipy')` and
// `import MONIPY from 'monipy'` all give the class.
module.exports = Object.assign(MONIPY, { default: MONIPY, MONIPY, CallStream, MonipyError, Code, EVENTS, OPTION_NAMES, readWav, devices, version })
