// A Socket.IO server for comparison: rooms, and as much of Centrifugo's HTTP API as cellcast-bench publishes by.
// node server.mjs PORT KEY
import http from "node:http";
import { Server } from "socket.io";

const [port, key] = process.argv.slice(2);
const publish = ({ channel, data }) => io.to(channel).emit("m", channel, data);
const methods = {
  "/api/publish": (body) => { publish(body); return { result: {} }; },
  "/api/batch": (body) => ({ replies: body.commands.map((c) => { publish(c.publish); return { publish: {} }; }) }),
};

const server = http.createServer((request, response) => {
  const method = methods[request.url];
  if (!method) return; // Socket.IO's own
  const chunks = [];
  request.on("data", (chunk) => chunks.push(chunk));
  request.on("end", () => {
    if (request.headers["x-api-key"] !== key) return response.writeHead(401).end();
    const text = JSON.stringify(method(JSON.parse(Buffer.concat(chunks))));
    response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(text) }).end(text);
  });
});
server.keepAliveTimeout = 600000;

const io = new Server(server, { transports: ["websocket"], serveClient: false });
io.on("connection", (socket) => {
  socket.on("subscribe", (channel, answer) => { socket.join(channel); answer(); });
});
server.listen(Number(port), "127.0.0.1", 4096);
