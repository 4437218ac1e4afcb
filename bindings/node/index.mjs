import MONIPY from './index.js'

export default MONIPY
export const { CallStream, MonipyError, Code, EVENTS, OPTION_NAMES, readWav, devices, version } = MONIPY
export { MONIPY }
