// A gateway as one writes it in Node: a net server for devices, a socket to the web server, one object
// and one JSON.stringify for each line of a device, and one write for the lines of a chunk. Nothing is
// stored, limited or sent twice; while the web server is away it connects again every second, and what
// devices send meanwhile is lost. A device that does not say who it is first is hung up on.
//
//     node gateway.js --web HOST:PORT      says `listening 127.0.0.1:PORT` once it serves
'use strict'
const net = require('node:net')
const { parseArgs } = require('node:util')

const REGISTRATION = /^ETUNG:([0-9]{15})$/
const REGISTRATION_BYTES = 21 // without its line feed
const RETRY = 1000
const NOTHING = Buffer.alloc(0)

const [host, port] = parseArgs({ options: { web: { type: 'string' } } }).values.web.split(':')

// Both begin at the time in microseconds: no other run has been there.
let nextOffset = Date.now() * 1000
let nextSession = Date.now() * 1000
let connections = 0
let acknowledged = 0
let web // the link to the web server, while there is one

function connect () {
  const link = net.connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 10_000 })
  let rest = ''
  link.setEncoding('utf8')
  link.on('connect', () => {
    web = link
    const hello = { hello: 'tetherd', protocol: 1, gateway: 'node', spool: 'none', next: nextOffset }
    link.write(JSON.stringify(hello) + '\n')
    if (!server.listening) listen()
  })
  link.on('data', text => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()
    for (const line of lines) {
      const { ack } = JSON.parse(line)
      if (ack > acknowledged) acknowledged = ack
    }
  })
  link.on('error', error => console.error(`web server: ${error.message}`))
  link.on('close', () => {
    web = undefined
    setTimeout(connect, RETRY)
  })
}

function listen () {
  server.listen({ host: '127.0.0.1', port: 0, backlog: 4096 }, () => {
    console.log(`listening 127.0.0.1:${server.address().port}`)
  })
}

function serve (socket) {
  const session = (nextSession++).toString(16).padStart(16, '0')
  const peer = `${socket.remoteAddress}:${socket.remotePort}`
  let rest = NOTHING // a line whose end has not come yet
  let reason = 'peer_closed'
  let received = 0
  let seq = 0
  let imei

  connections++

  socket.on('data', chunk => {
    received += chunk.length
    const bytes = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk
    const time = new Date().toISOString()
    let out = ''
    let begun = 0
    for (let end; (end = bytes.indexOf(10, begun)) >= 0; begun = end + 1) {
      if (imei !== undefined) {
        const data = bytes.toString('base64', begun, end)
        out += line({ offset: nextOffset++, event: 'data', imei, session, seq: ++seq, time, peer, connections, data })
        continue
      }
      imei = REGISTRATION.exec(bytes.toString('latin1', begun, end))?.[1]
      if (imei === undefined) return socket.destroy()
      out += line({ offset: nextOffset++, event: 'online', imei, session, time, peer, connections })
    }
    rest = begun < bytes.length ? bytes.subarray(begun) : NOTHING
    if (out !== '') web?.write(out)
    if (imei === undefined && rest.length > REGISTRATION_BYTES) socket.destroy()
  })
  socket.on('error', error => {
    reason = error.code === 'ETIMEDOUT' ? 'timed_out' : 'reset'
  })
  socket.on('close', () => {
    connections--
    if (imei === undefined) return
    const time = new Date().toISOString()
    web?.write(line({
      offset: nextOffset++,
      event: 'offline',
      imei,
      session,
      time,
      reason,
      received_bytes: received,
      sent_bytes: 0,
      connections
    }))
  })
}

function line (event) {
  return JSON.stringify(event) + '\n'
}

const server = net.createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 }, serve)
connect()
