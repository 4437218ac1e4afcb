// Is barged into calls, listens, and prints how loud it is.
//
//     node listen.mjs wss://sip.example.com 1001 secret
import MONIPY from 'monipy'

const [server, id, password] = process.argv.slice(2)
const monipy = new MONIPY({ server, audioMode: 'application' })

monipy.on('inComingCall', async (call) => {
  console.log(`call ${call.call_id} from ${call.from}`)
  const frames = monipy.stream(call).frames({ rate: 16000 })
  await monipy.answer(call)
  let [power, count] = [0, 0]
  for await (const frame of frames) {
    for (const sample of frame) power += sample * sample
    count += frame.length
    if (count === 16000) {
      // A second.
      const dbfs = 10 * Math.log10(power / count / 32768 ** 2 + 1e-13)
      console.log(`${dbfs.toFixed(1).padStart(6)} dBFS  ${'#'.repeat(Math.max(0, (dbfs + 60) / 2))}`)
      power = count = 0
    }
  }
})
monipy.on('ended', ({ code, status }) => console.log(`ended: ${code} ${status}`))
process.once('SIGINT', () => monipy.close())

const { code, status } = await monipy.login(id, password)
console.log(code === 200 ? 'logged in, waiting to be barged in' : `login: ${code} ${status}`)
