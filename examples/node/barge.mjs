// Is barged into a call and speaks a WAV file to the parties.
//
//     node barge.mjs wss://sip.example.com 1001 secret hello.wav
import MONIPY from 'monipy'

const [server, id, password, wav] = process.argv.slice(2)
const monipy = new MONIPY({ server, audioMode: 'application' })

monipy.on('inComingCall', () => monipy.answer())
monipy.on('callStream', async ({ stream }) => {
  const { code, status } = await stream.play(wav)
  console.log(`${wav}: ${code} ${status}`)
  await monipy.terminate()
  await monipy.logout()
})

const { code, status } = await monipy.login(id, password)
console.log(code === 200 ? 'logged in, waiting to be barged in' : `login: ${code} ${status}`)
