// Stands where the vendor's servers stand, on loopback: the agent SDK's token request, its notify
// server (socket.io), and a way to the signalling server. The contact centre does what they ask.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer as createHttps } from 'node:https'
import { connect, createServer as createTcp } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { randomUUID } from 'node:crypto'
import { Server } from 'socket.io'
import { io } from 'socket.io-client'

const listening = (server) => new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port)))

const certificate = () => {
  const folder = mkdtempSync(join(tmpdir(), 'monipy-notify-'))
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const names = 'subjectAltName=DNS:rest.telecmi.com,DNS:notify.telecmi.com,IP:127.0.0.1'
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=vendor', '-addext', names, '-keyout', key, '-out', cert], { stdio: 'ignore' })
  const pair = { key: readFileSync(key), cert: readFileSync(cert) }
  rmSync(folder, { recursive: true })
  return pair
}

export const vendorHosts = async (note) => {
  let centre
  const tokens = new Set()
  const https = createHttps(certificate(), (request, response) => {
    response.setHeader('access-control-allow-origin', '*')
    response.setHeader('access-control-allow-headers', 'content-type')
    if (request.method === 'OPTIONS') return response.end()
    if (request.method !== 'POST' || request.url !== '/v2/user/login') return response.writeHead(404).end()
    let body = ''
    request.on('data', (chunk) => (body += chunk))
    request.on('end', () => {
      const { id, password } = JSON.parse(body)
      const token = randomUUID()
      tokens.add(token)
      note(`vendor: token for ${id}, ${typeof password}`)
      response.setHeader('content-type', 'application/json')
      response.end(JSON.stringify({ code: 200, token }))
    })
  })
  const sockets = new Server(https, { cors: { origin: '*' } })
  sockets.use((socket, next) => next(tokens.has(socket.handshake.query.token) ? undefined : new Error('invalid token')))
  sockets.on('connection', (socket) => {
    socket.on('wssip-agent-opt', (options) => note(`vendor: agent joins ${JSON.stringify(options)}`))
    socket.on('admin-call-globalbarging', async ({ uuid, to }, done) => {
      note(`vendor: barge ${uuid} for ${to}`)
      const calls = await (await fetch(`${centre.http}/calls`)).json()
      const call = calls.find(({ labels }) => labels.uuid === uuid)
      if (!call) return done?.({ code: 404, status: `no call ${uuid}` })
      const response = await fetch(`${centre.http}/calls/${call.id}/barge`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ supervisor: to, mode: 'barge' }),
      })
      const told = await response.json()
      done?.({ code: response.ok ? 200 : response.status, ...told })
    })
  })
  const port = await listening(https)
  // The signalling server's name leads here, and on to the contact centre, byte by byte.
  const passage = createTcp((socket) => {
    const onward = connect(centre.wss, '127.0.0.1')
    socket.on('error', () => onward.destroy())
    onward.on('error', () => socket.destroy())
    socket.pipe(onward).pipe(socket)
  })
  const sbc = await listening(passage)
  return {
    port,
    rules: [
      `MAP rest.telecmi.com:443 127.0.0.1:${port}`,
      `MAP notify.telecmi.com:443 127.0.0.1:${port}`,
      `MAP sbcsg.telecmi.com:443 127.0.0.1:${sbc}`,
      // Not found at once: an address that does not answer would hold up the gathering of candidates.
      'MAP stunind.telecmi.com ~NOTFOUND',
      `MAP supersbc.telecmi.com:443 127.0.0.1:${sbc}`,
    ].join(', '),
    serve: ({ http, wss }) => {
      centre = { http, wss }
      return 'serving'
    },
  }
}

// What the vendor's feed client does: a token, a socket, and one event.
export const askForBarge = async (vendor, uuid, to) => {
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
  const url = `https://127.0.0.1:${vendor.port}`
  const { token } = await (await fetch(`${url}/v2/user/login`, { method: 'POST', body: JSON.stringify({ id: 'admin', password: 'admin' }) })).json()
  const socket = io(url, { query: { token }, rejectUnauthorized: false })
  try {
    return await socket.timeout(10000).emitWithAck('admin-call-globalbarging', { uuid, to })
  } finally {
    socket.close()
  }
}
