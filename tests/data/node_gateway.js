// A gateway for devices, as Node's documentation teaches to write one: the program that the profile
// "classic" stands in for. One port takes the devices and the web server, which is known by its
// address.
//
//     node node_gateway.js WEB_SERVER_ADDRESS [ENCODING]
'use strict';

const net = require('node:net');

const [webServerAddress, encoding] = process.argv.slice(2);
const connections = [];
let webServer = null;

const server = net.createServer((socket) => {
  socket.on('error', () => socket.destroy());
  if (socket.remoteAddress === webServerAddress) {
    webServer = socket;
    return;
  }
  socket.setKeepAlive(true, 10_000);
  if (encoding) socket.setEncoding(encoding);
  socket.imei = 'unknown';
  connections.push(socket);

  socket.on('data', (data) => {
    const text = data.toString();
    if (text.startsWith('ETUNG:')) socket.imei = text.slice(6, -1);
    if (!webServer) return;
    webServer.write(JSON.stringify({ data, connections: connections.length, imei: socket.imei }));
  });
  socket.on('close', () => connections.splice(connections.indexOf(socket), 1));
});

server.listen(0, '127.0.0.1', () => {
  console.log(`listening on 127.0.0.1:${server.address().port}`);
});
