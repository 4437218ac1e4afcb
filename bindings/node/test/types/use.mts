// The declarations, used as a program would; every line under @ts-expect-error must be an error.
import MONIPY, { MONIPY as Named, CallStream, Code, EVENTS, MonipyError, version } from 'monipy'
import { ContactCenter } from 'monipy/testing'
import type { AudioFrame, EventName, MonipyEvents, MonipyOptions, Outcome, PcmReadable, PcmWritable } from 'monipy'

const options: MonipyOptions = { name: 'Sue', debug: false, autoplay: false, autoReboot: true, ringTime: 30 }
const monipy: Named = new MONIPY(options)
new MONIPY()
new MONIPY({ server: 'wss://x', audioMode: 'application', codecs: ['opus'], iceServers: [{ url: 'stun:x' }], inviteHeaders: { 'X-A': 'b' } })
// @ts-expect-error a number
new MONIPY({ ringTime: '30' })
// @ts-expect-error no such option
new MONIPY({ ringtime: 30 })
// @ts-expect-error no such mode
new MONIPY({ audioMode: 'loud' })

const outcome: Outcome = await monipy.login('1001', 'secret')
const code: number = outcome.code
// @ts-expect-error the password is missing
monipy.login('1001')
// @ts-expect-error text, not an object
monipy.call({})
// @ts-expect-error the vendor's spelling is isLogedIn
monipy.isLoggedIn()
const id: string | false = monipy.getCallId()

monipy.on('inComingCall', (call) => {
  const from: string = call.from
  const team: string | undefined = call.team_name
  // @ts-expect-error not every call names a team
  const surely: string = call.team_name
  // @ts-expect-error no such field
  call.colour
  void monipy.answer(call)
  void [from, team, surely]
})
// @ts-expect-error the vendor's spelling is inComingCall
monipy.on('incomingCall', () => {})
monipy.once('callStream', ({ status, stream }) => {
  const same: CallStream = status
  const out: PcmReadable = stream.createReadable({ rate: 16000, frameMs: 20 })
  const into: PcmWritable = stream.writable
  out.pipe(into)
  into.clear()
  into.write(new Int16Array(160))
  // @ts-expect-error not a rate that is offered
  stream.createReadable({ rate: 44100 })
  void same.play(new Int16Array(160), { rate: 8000 })
  void same.record('call.wav').stop().then(({ seconds }) => seconds.toFixed(1))
})
monipy.on('dtmf', ({ dtmf, type }) => {
  const direction: 'incoming' | 'outgoing' = type
  void [dtmf, direction]
})
monipy.on('hold', ({ whom }) => {
  // @ts-expect-error myself or other
  if (whom === 'nobody') return
})

const event = await monipy.waitFor('ended', { signal: AbortSignal.timeout(10), filter: (e) => e.code === 200 })
const reason: string = event.reason
const promised: Promise<MonipyEvents['login'][0]> = monipy.once('login')
// @ts-expect-error no such event
monipy.waitFor('loggedIn')

for await (const frame of monipy.stream()!) {
  const sample: number | undefined = frame[0]
  const at: number = frame.timestamp
  const typed: AudioFrame = frame
  void [sample, at, typed]
}

const ok: 200 = Code.OK
const names: EventName[] = EVENTS.map((e) => e.name)
const error: Error = new MonipyError(1003, 'x')
const text: string = version
monipy.ref().unref()
await monipy.close()
{
  await using phone = new MONIPY()
  using other = new MONIPY()
  void [phone, other]
}
void [code, id, reason, promised, ok, names, error, text]
{
  await using centre = await ContactCenter.start('--agent', 'speech')
  const phone = new MONIPY(centre.options({ ringTime: 5 }))
  const leg = await centre.barge('whisper', centre.id)
  const heard: Set<string> = await centre.heard('agent', { seconds: 2 })
  await centre.hangUp(leg)
  // @ts-expect-error no such mode
  await centre.barge('shout')
  void [phone, heard]
}
