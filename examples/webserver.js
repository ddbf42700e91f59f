// Takes the events of tetherd: prints each of them once, then acknowledges it.
// node examples/webserver.js [PORT] [FILE]    FILE remembers over restarts what was seen.
'use strict'
const fs = require('fs')
const net = require('net')

const [port = 7100, file] = process.argv.slice(2)
const seen = file && fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : {}

const server = net.createServer(socket => {
  let gateway = ''
  let rest = '' // the beginning of a line whose end has not come yet

  const take = text => {
    const lines = (rest + text).split('\n')
    rest = lines.pop()
    let ack
    for (const line of lines) {
      const message = JSON.parse(line)
      if (message.hello) gateway = message.gateway
      if (message.offset === undefined) { console.error(line); continue }
      ack = message.offset
      if (ack <= (seen[gateway] || 0)) continue // sent again after a broken link
      console.log(line) // here: do your work, and store offset and result in one transaction
      seen[gateway] = ack
    }
    if (ack === undefined) return
    if (file) {
      fs.writeFileSync(`${file}.new`, JSON.stringify(seen))
      fs.renameSync(`${file}.new`, file)
    }
    socket.write(JSON.stringify({ ack }) + '\n')
  }
  socket.setEncoding('utf8')
  socket.on('data', text => { try { take(text) } catch (error) { socket.destroy(error) } })
  socket.on('error', error => console.error(`link broken: ${error.message}`))
})
server.listen(port, '127.0.0.1', () => console.error(`listening on 127.0.0.1:${server.address().port}`))
