import MONIPY from './index.js'

export default MONIPY
export const { CallStream, MonipyError, Code, EVENTS, version } = MONIPY
export { MONIPY }
