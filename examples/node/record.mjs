// Records a call to a stereo WAV file: what is heard on the left, the supervisor on the right.
//
//     node record.mjs wss://sip.example.com 1001 secret call.wav [hello.wav]
import MONIPY from 'monipy'

const [server, id, password, path, say] = process.argv.slice(2)
const monipy = new MONIPY({ server, audioMode: 'application' })

const { code, status } = await monipy.login(id, password)
if (code !== 200) throw new Error(`login: ${code} ${status}`)
console.log('logged in, waiting to be barged in')

const call = await monipy.waitFor('inComingCall')
const streaming = monipy.waitFor('callStream')
const recording = monipy.stream(call).record(path)
process.once('SIGINT', () => recording.stop())
await monipy.answer(call)
const { stream } = await streaming
if (say) await stream.play(say)

const { seconds } = await recording.done
console.log(`${path}: ${seconds.toFixed(1)} s`)
await monipy.logout()
