export * from './index.js'
export { MONIPY as default } from './index.js'
