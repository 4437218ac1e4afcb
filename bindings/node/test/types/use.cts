// CommonJS with TypeScript: both forms of import.
import MONIPY = require('monipy')
import { MONIPY as Named } from 'monipy'

const monipy: Named = new MONIPY.MONIPY({ name: 'Sue' })
const same: MONIPY.MONIPY = monipy
const options: MONIPY.MonipyOptions = { ringTime: 20 }
// @ts-expect-error a string
const wrong: MONIPY.MonipyOptions = { name: 7 }
void [same, options, wrong]
