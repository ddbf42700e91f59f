// Takes the events of tetherd by HTTP: prints each of them once, then acknowledges it with a 204.
// node examples/webserver_http.js [PORT] [FILE]    FILE remembers over restarts what was seen.
const fs = require('fs'), http = require('http')
const [port = 7100, file] = process.argv.slice(2)
const seen = file && fs.existsSync(file) ? JSON.parse(fs.readFileSync(file, 'utf8')) : {}
http.createServer(async (request, response) => {
  let body = ''
  for await (const text of request.setEncoding('utf8')) body += text
  const gateway = request.headers['x-tetherd-gateway']
  for (const line of body.trimEnd().split('\n')) {
    const { offset } = JSON.parse(line)
    if (offset <= (seen[gateway] || 0)) continue // posted again after a broken connection
    console.log(line) // here: do your work, and store offset and result in one transaction
    seen[gateway] = offset
  }
  if (file) { fs.writeFileSync(`${file}.new`, JSON.stringify(seen)); fs.renameSync(`${file}.new`, file) }
  response.writeHead(204).end()
}).listen(port, '127.0.0.1')
