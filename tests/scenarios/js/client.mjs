// Drives the unmodified npm package `centrifuge`: one JSON command a line on standard input, one JSON event a line on
// standard output. {"op":"connect","url":…,"options":{…}} {"op":"subscribe","channel":…,"options":{…}}
// With "states" the application's state stands at these positions, one after the other (getState).
// {"op":"publish"|"history"|"presence"|"presence_stats","channel":…, …,"tag":…} {"op":"unsubscribe"|"disconnect"}
// With "options":{"protocol":"protobuf"} it is the package's Protobuf build, whose payloads are the bytes of the JSON that is said here.
// With "asks":true it says {"event":"token"} when it needs a fresh one, which {"op":"token","token":…} brings.
import readline from 'node:readline';
import { Centrifuge } from 'centrifuge';
import { Centrifuge as ProtobufCentrifuge } from 'centrifuge/build/protobuf';
import { EventSource } from 'eventsource';
import WebSocket from 'ws';

const emit = event => process.stdout.write(JSON.stringify(event) + '\n');
let client, bringToken;
const subscriptions = new Map();
let encode = data => data, decode = data => data;

function connect({ url, options = {}, asks = false }) {
  const binary = options.protocol === 'protobuf';
  if (binary) {
    encode = data => new TextEncoder().encode(JSON.stringify(data));
    decode = bytes => JSON.parse(new TextDecoder().decode(bytes));
  }
  if (asks)
    options.getToken = () => new Promise(resolve => { bringToken = resolve; emit({ event: 'token' }); });
  client = new (binary ? ProtobufCentrifuge : Centrifuge)(url, { websocket: WebSocket, eventsource: EventSource, ...options });
  for (const name of ['connecting', 'connected', 'disconnected', 'error', 'message'])
    client.on(name, ctx => emit({ event: name, ...ctx }));
  for (const name of ['subscribing', 'subscribed', 'unsubscribed', 'publication'])
    client.on(name, ctx => emit({ event: `server_${name}`, ...ctx }));
  client.connect();
}

function loadState(channel, states) {
  return async () => {
    const position = states.length > 1 ? states.shift() : states[0];
    emit({ event: 'get_state', channel, ...position });
    return position;
  };
}

function subscribe({ channel, options = {}, states }) {
  if (states) options.getState = loadState(channel, states);
  const sub = client.newSubscription(channel, options);
  subscriptions.set(channel, sub);
  for (const name of ['subscribing', 'subscribed', 'unsubscribed', 'join', 'leave', 'error'])
    sub.on(name, ctx => emit({ event: name, at: Date.now(), ...ctx }));
  sub.on('publication', ctx => emit({ event: 'publication', at: Date.now(), ...ctx, data: decode(ctx.data) }));
  sub.subscribe();
}

const calls = {
  publish: c => client.publish(c.channel, encode(c.data)),
  history: async c => {
    const result = await client.history(c.channel, c.options ?? { limit: 100 });
    return { ...result, publications: result.publications.map(p => ({ ...p, data: decode(p.data) })) };
  },
  presence: c => client.presence(c.channel),
  presence_stats: c => client.presenceStats(c.channel),
  delta_stats: async c => subscriptions.get(c.channel).deltaStats(),
  rpc: async c => ({ data: decode((await client.rpc(c.method, encode(c.data))).data) }),
};

function handle(command) {
  if (command.op === 'connect') return connect(command);
  if (command.op === 'subscribe') return subscribe(command);
  if (command.op === 'unsubscribe') return subscriptions.get(command.channel).unsubscribe();
  if (command.op === 'disconnect') return client.disconnect();
  if (command.op === 'reconnect') return client.connect();
  if (command.op === 'token') return bringToken(command.token);
  if (command.op === 'exit') return process.exit(0);
  calls[command.op](command).then(
    result => emit({ event: 'result', tag: command.tag, result }),
    error => emit({ event: 'result', tag: command.tag, error: { code: error.code, message: error.message } }));
}

readline.createInterface({ input: process.stdin }).on('line', line => handle(JSON.parse(line)));
