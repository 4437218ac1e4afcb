// libwebrtc in Node as a receiver of the bench of calls: see tests/bench/calls/main.rs for the protocol.
// The packages are looked for in MONIPY_BENCH_PEERS (a folder with node_modules).
import { createRequire } from 'node:module';
import readline from 'node:readline';

const require = createRequire(`${process.env.MONIPY_BENCH_PEERS ?? process.cwd()}/`);
const wrtc = require('@roamhq/wrtc');
const WebSocket = require('ws');

const calls = Number(process.env.MONIPY_BENCH_CALLS);
const first = {};
let [counting, frames, silent] = [false, 0, calls];

function header(message, name) {
  const line = message.split('\r\n').find((l) => l.split(':')[0].trim().toLowerCase() === name.toLowerCase());
  return line ? line.slice(line.indexOf(':') + 1).trim() : '';
}

function response(request, status, user, body = '') {
  const to = header(request, 'To');
  const lines = [`SIP/2.0 ${status}`, ...['Via', 'From', 'Call-ID', 'CSeq'].map((n) => `${n}: ${header(request, n)}`)];
  lines.push(`To: ${to}${to.includes(';tag=') ? '' : `;tag=peer${user}`}`, `Contact: <sip:${user}@peer.invalid;transport=ws>`);
  if (body) lines.push('Content-Type: application/sdp');
  return [...lines, `Content-Length: ${body.length}`, '', body].join('\r\n');
}

function call(user) {
  const ws = new WebSocket(process.env.MONIPY_BENCH_WS, 'sip', { perMessageDeflate: false });
  ws.on('open', () => ws.send(
    `REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/WS peer.invalid;branch=z9hG4bKr${user}\r\nMax-Forwards: 70\r\n`
    + `From: <sip:${user}@127.0.0.1>;tag=r${user}\r\nTo: <sip:${user}@127.0.0.1>\r\nCall-ID: reg-${user}\r\nCSeq: 1 REGISTER\r\n`
    + `Contact: <sip:${user}@peer.invalid;transport=ws>\r\nExpires: 600\r\nContent-Length: 0\r\n\r\n`));
  ws.on('message', async (data) => {
    const text = data.toString();
    if (!text.startsWith('INVITE ')) return;
    const connection = new wrtc.RTCPeerConnection({ iceServers: [] });
    connection.ontrack = ({ track }) => {
      const sink = new wrtc.nonstandard.RTCAudioSink(track);
      sink.ondata = ({ samples, sampleRate }) => {
        if (!(user in first) && samples.some((s) => s !== 0)) {
          first[user] = Date.now();
          silent -= 1;
          if (silent === 0) console.log('up');
        }
        if (counting) frames += samples.length / sampleRate / 0.02;
      };
    };
    await connection.setRemoteDescription({ type: 'offer', sdp: text.split('\r\n\r\n').slice(1).join('\r\n\r\n') });
    await connection.setLocalDescription(await connection.createAnswer());
    if (connection.iceGatheringState !== 'complete') {
      await new Promise((done) => {
        connection.onicegatheringstatechange = () => connection.iceGatheringState === 'complete' && done();
      });
    }
    ws.send(response(text, '200 OK', user, connection.localDescription.sdp));
    (globalThis.connections ??= []).push(connection, ws);
  });
}

console.log('ready');
readline.createInterface({ input: process.stdin }).on('line', (word) => {
  if (word === 'go') for (let n = 0; n < calls; n += 1) call(`s${n}`);
  else if (word === 'count') counting = true;
  else {
    console.log(JSON.stringify({ frames: Math.round(frames), first_pcm: first }));
    process.exit(0);
  }
});
