// The vendor's agent SDK, with the face that all pages share: `phone`.
// As it is built for browsers, with a script element: its modules ask for packages that its manifest does
// not name.
const PIOPIY = window.PIOPIY.default ?? window.PIOPIY
const log = []
const note = (name, detail = '') => log.push(detail === '' ? name : `${name} ${detail}`)
const agent = new PIOPIY({ name: 'Agent Anna', debug: false, autoplay: true, ringTime: 60 })
for (const name of ['trying', 'ringing', 'answered', 'callStream', 'hangup', 'ended', 'hold', 'unhold', 'error', 'logout']) {
  agent.on(name, (event) => note(name, event?.code ?? ''))
}
agent.on('inComingCall', (call) => note('inComingCall', call.from))

window.phone = {
  log,
  // The vendor's own host names, which lead to loopback here.
  start: ({ user, password }) =>
    new Promise((resolve) => {
      agent.on('login', () => resolve('registered'))
      agent.on('loginFailed', (event) => resolve(`failed ${event.code}`))
      agent.login(user, password, 'sbcsg.telecmi.com')
    }),
  call: (user) => agent.call(user),
  answer: () => agent.answer(),
  hangUp: () => agent.terminate(),
  hold: () => agent.hold(),
  unhold: () => agent.unHold(),
  dtmf: (digits) => agent.sendDtmf(digits),
  callId: () => agent.getCallId(),
}
