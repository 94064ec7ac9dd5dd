// Publish call to SDK callback with the npm package `centrifuge`: subscribers over all gateways and a publisher over the
// HTTP API (one keep-alive connection) in one process, so that there is one clock.
// node latency.mjs '{"urls":[…],"api":…,"key":…,"subscribers":100,"rate":100,"seconds":20,"warmup":3,"channels":1,"prefix":""}'
// Prints one JSON object: the samples' percentiles in ms, and what was published and delivered.
import http from 'node:http';
import { createRequire } from 'node:module';

const require = createRequire(new URL('../scenarios/js/client.mjs', import.meta.url));
const { Centrifuge } = require('centrifuge');
const WebSocket = require('ws');
const o = JSON.parse(process.argv[2]);
const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));
const channels = Array.from({ length: o.channels }, (_, n) => `${o.prefix}latency-${process.pid}-${n}`);
const samples = [];
const calls = [];
let delivered = 0, measuring = false, failures = 0;

function publish(channel, data) {
  return new Promise((resolve, reject) => {
    const request = http.request(`${o.api}/publish`, { method: 'POST', agent, headers: { 'X-API-Key': o.key } }, response => {
      let body = '';
      response.on('data', part => body += part);
      response.on('end', () => body.includes('"result"') ? resolve() : reject(new Error(body)));
    });
    request.on('error', reject);
    request.end(JSON.stringify({ channel, data }));
  });
}

function subscriber(n) {
  return new Promise(resolve => {
    const client = new Centrifuge(o.urls[n % o.urls.length], { websocket: WebSocket });
    const sub = client.newSubscription(channels[n % channels.length]);
    sub.on('publication', ctx => {
      if (!ctx.data.measured) return;
      samples.push(performance.now() - ctx.data.at);
      delivered++;
    });
    sub.once('subscribed', () => resolve(client));
    sub.subscribe();
    client.connect();
  });
}

const clients = [];
for (let n = 0; n < o.subscribers; n++) clients.push(await subscriber(n));
const begin = performance.now();
let published = 0;
for (let n = 0; ; n++) {
  const due = begin + n * 1000 / o.rate;
  const wait = due - performance.now();
  if (wait > 1) await sleep(wait);
  measuring = performance.now() - begin > o.warmup * 1000;
  if (performance.now() - begin > (o.warmup + o.seconds) * 1000) break;
  const at = performance.now(), measured = measuring;
  if (measured) published++;
  publish(channels[n % channels.length], { at, measured, pad: 'x'.repeat(100) })
    .then(() => measured && calls.push(performance.now() - at), () => failures++);
}
await sleep(1500);
const quantiles = list => {
  list.sort((a, b) => a - b);
  const q = p => +list[Math.min(list.length - 1, Math.floor(p * list.length))].toFixed(3);
  return { p50_ms: q(0.5), p90_ms: q(0.9), p99_ms: q(0.99), p999_ms: q(0.999), max_ms: q(1) };
};
const expected = published * o.subscribers / o.channels;
process.stdout.write(JSON.stringify({ ...quantiles(samples), api_call: quantiles(calls), published, delivered, expected, failures,
  client_cpu_s: +(process.cpuUsage().user / 1e6 + process.cpuUsage().system / 1e6).toFixed(2) }) + '\n');
for (const client of clients) client.disconnect();
process.exit(0);
