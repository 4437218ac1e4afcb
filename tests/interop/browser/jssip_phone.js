// A phone of JsSIP with the face that all pages share: `phone`.
import JsSIP from 'jssip'

const log = []
const note = (name, detail = '') => log.push(detail === '' ? name : `${name} ${detail}`)
let ua
let session
const peer = { pcConfig: { iceServers: [] }, mediaConstraints: { audio: true, video: false } }

const watch = (call) => {
  session = call
  note(call.direction === 'incoming' ? 'incoming' : 'outgoing')
  call.on('progress', () => note('progress'))
  call.on('accepted', () => note('accepted'))
  call.on('confirmed', () => note('confirmed'))
  call.on('hold', (event) => note('hold', event.originator))
  call.on('unhold', (event) => note('unhold', event.originator))
  call.on('newDTMF', (event) => event.originator === 'remote' && note('dtmf', event.dtmf.tone))
  call.on('failed', (event) => note('failed', `${event.originator} ${event.message?.status_code ?? ''} ${event.cause}`))
  call.on('ended', (event) => note('ended', `${event.originator} ${event.cause}`))
}

window.phone = {
  log,
  start: ({ url, user, domain, password }) =>
    new Promise((resolve) => {
      ua = new JsSIP.UA({ sockets: [new JsSIP.WebSocketInterface(url)], uri: `sip:${user}@${domain}`, password, session_timers: false })
      ua.on('registered', () => resolve('registered'))
      ua.on('registrationFailed', (event) => resolve(`failed ${event.response?.status_code ?? event.cause}`))
      ua.on('newRTCSession', ({ session: call }) => watch(call))
      ua.start()
    }),
  call: (user, headers = []) => void ua.call(user, { ...peer, extraHeaders: headers }),
  answer: () => session.answer(peer),
  reject: (code = 486) => session.terminate({ status_code: code }),
  hangUp: () => session.terminate(),
  // Resolve once the far side has answered the offer.
  hold: () => new Promise((resolve) => session.hold({}, resolve)),
  unhold: () => new Promise((resolve) => session.unhold({}, resolve)),
  restartIce: () => new Promise((resolve) => session.renegotiate({ rtcOfferConstraints: { iceRestart: true } }, resolve)),
  dtmf: (digits, info) => session.sendDTMF(digits, { transportType: info ? 'INFO' : 'RFC2833', duration: 100, interToneGap: 100 }),
}
