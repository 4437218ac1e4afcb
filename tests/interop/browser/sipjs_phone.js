// A phone of SIP.js with the face that all pages share: `phone`.
import { Inviter, Registerer, SessionState, UserAgent, Web } from 'sip.js'

const log = []
const note = (name, detail = '') => log.push(detail === '' ? name : `${name} ${detail}`)
let agent
let session
let domain

const watch = (call, direction) => {
  session = call
  note(direction)
  call.stateChange.addListener((state) => {
    if (state === SessionState.Established) note('confirmed')
    if (state === SessionState.Terminated) note('ended')
  })
  call.delegate = {
    onInfo: (info) => {
      note('dtmf', /Signal\s*=\s*(\S)/i.exec(info.request.body ?? '')?.[1] ?? '?')
      info.accept()
    },
    onInvite: (request) => note('offer', /a=(sendrecv|sendonly|recvonly|inactive)/.exec(request.body)?.[1] ?? ''),
  }
}
const settled = (action) =>
  new Promise((resolve) =>
    session.invite({
      ...action,
      requestDelegate: { onAccept: () => resolve('accepted'), onReject: (response) => resolve(`rejected ${response.message.statusCode}`) },
    }),
  )
const hold = (on) => settled({ sessionDescriptionHandlerOptions: { hold: on }, sessionDescriptionHandlerModifiers: on ? [Web.holdModifier] : [] })

window.phone = {
  log,
  start: async ({ url, user, domain: at, password }) => {
    domain = at
    agent = new UserAgent({
      uri: UserAgent.makeURI(`sip:${user}@${at}`),
      transportOptions: { server: url },
      authorizationUsername: user,
      authorizationPassword: password,
      logBuiltinEnabled: false,
      sessionDescriptionHandlerFactoryOptions: { peerConnectionConfiguration: { iceServers: [] }, iceGatheringTimeout: 500 },
      delegate: { onInvite: (invitation) => watch(invitation, 'incoming') },
    })
    await agent.start()
    const registerer = new Registerer(agent)
    return new Promise((resolve) => {
      registerer.stateChange.addListener((state) => state === 'Registered' && resolve('registered'))
      registerer.register({ requestDelegate: { onReject: (response) => resolve(`failed ${response.message.statusCode}`) } })
    })
  },
  call: (user, headers = [], lateOffer = false) => {
    watch(new Inviter(agent, UserAgent.makeURI(`sip:${user}@${domain}`), { extraHeaders: headers, inviteWithoutSdp: lateOffer }), 'outgoing')
    session.invite({
      requestDelegate: {
        onProgress: () => note('progress'),
        onReject: (response) => note('failed', `remote ${response.message.statusCode}`),
      },
    })
  },
  answer: () => void session.accept(),
  reject: (code = 486) => void session.reject({ statusCode: code }),
  hangUp: () => {
    if (session.state === SessionState.Established) return void session.bye()
    return void (session instanceof Inviter ? session.cancel() : session.reject())
  },
  hold: () => hold(true),
  unhold: () => hold(false),
  restartIce: () => settled({ sessionDescriptionHandlerOptions: { offerOptions: { iceRestart: true } } }),
  dtmf: (digits, info) => {
    if (!info) return session.sessionDescriptionHandler.sendDtmf(digits, { duration: 100, interToneGap: 100 })
    for (const digit of digits) {
      session.info({
        requestOptions: {
          body: { contentDisposition: 'render', contentType: 'application/dtmf-relay', content: `Signal=${digit}\r\nDuration=100` },
        },
      })
    }
  },
}
