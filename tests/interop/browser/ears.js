// Runs in every page before the page does: what is heard on each peer connection can be measured,
// and the microphone is taken as it is (a tone would not survive noise suppression).
(() => {
  const Original = RTCPeerConnection
  const connections = []
  let context
  const ears = []
  // The last half minute of all that was heard, for the driver to keep: 48 kHz, mono.
  const tape = []
  const KEPT = 30 * 48000
  let taped = 0
  const listen = (stream) => {
    context ??= new AudioContext({ sampleRate: 48000 })
    context.resume()
    // Chromium feeds a remote stream into Web Audio only while an element plays it.
    const element = new Audio()
    element.muted = true
    element.srcObject = stream
    element.play()
    // One tape for all streams: what the page's user would have heard.
    if (!context.tape) {
      context.tape = context.createScriptProcessor(4096, 1, 1)
      context.tape.onaudioprocess = ({ inputBuffer }) => {
        tape.push(inputBuffer.getChannelData(0).slice())
        taped += inputBuffer.length
        while (taped > KEPT) taped -= tape.shift().length
      }
      // It runs only on the way to an output; it writes nothing there.
      context.tape.connect(context.destination)
    }
    const analyser = context.createAnalyser()
    analyser.fftSize = 8192
    analyser.smoothingTimeConstant = 0
    const source = context.createMediaStreamSource(stream)
    source.connect(analyser)
    source.connect(context.tape)
    ears.push({ analyser, element })
  }
  class Heard extends Original {
    constructor(...args) {
      super(...args)
      connections.push(this)
      this.addEventListener('track', (event) => listen(new MediaStream([event.track])))
    }
  }
  window.RTCPeerConnection = Heard
  const media = navigator.mediaDevices
  const original = media.getUserMedia.bind(media)
  media.getUserMedia = (wanted) =>
    original({ ...wanted, audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } })

  // Level of one frequency in the last 171 ms, dBFS of its RMS (Goertzel), the loudest of all streams.
  const level = (hertz) => {
    let best = -127
    for (const { analyser } of ears) {
      const samples = new Float32Array(analyser.fftSize)
      analyser.getFloatTimeDomainData(samples)
      const coefficient = 2 * Math.cos((2 * Math.PI * hertz) / context.sampleRate)
      let [one, two] = [0, 0]
      for (const sample of samples) [one, two] = [sample + coefficient * one - two, one]
      const power = one * one + two * two - coefficient * one * two
      const rms = Math.sqrt(Math.max(power, 0)) * Math.SQRT2 / samples.length
      best = Math.max(best, 20 * Math.log10(rms + 1e-7))
    }
    return best
  }
  const until = async (true_, limit) => {
    const end = performance.now() + limit
    while (performance.now() < end) {
      if (true_()) return true
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    return false
  }
  window.ears = {
    level,
    hears: (hertz, dbfs, limit = 20000) => until(() => level(hertz) >= dbfs, limit),
    silent: (hertz, dbfs, limit = 20000) => until(() => level(hertz) < dbfs, limit),
    // The newest connection's descriptions, to look at.
    sdp: () => ({ local: connections.at(-1).localDescription?.sdp, remote: connections.at(-1).remoteDescription?.sdp }),
    // The tape as 16-bit samples of 48 kHz, base64; empty when nothing was heard.
    tape() {
      const samples = new Int16Array(taped)
      let at = 0
      for (const part of tape) for (const sample of part) samples[at++] = Math.max(-1, Math.min(1, sample)) * 32767
      const bytes = new Uint8Array(samples.buffer)
      let text = ''
      for (let i = 0; i < bytes.length; i += 32768) text += String.fromCharCode(...bytes.subarray(i, i + 32768))
      return btoa(text)
    },
    // The newest connection's figures, as the page's own getStats tells them.
    async stats() {
      const report = await connections.at(-1).getStats()
      const found = {}
      for (const entry of report.values()) {
        if (entry.type === 'inbound-rtp') {
          Object.assign(found, { received: entry.packetsReceived, lost: entry.packetsLost, concealed: entry.concealedSamples })
          found.codec = report.get(entry.codecId)?.mimeType
        } else if (entry.type === 'outbound-rtp') found.sent = entry.packetsSent
        else if (entry.type === 'transport') Object.assign(found, { dtls: entry.dtlsState, srtp: entry.srtpCipher, tls: entry.tlsVersion })
      }
      return found
    },
  }
})()
