// One merged stream of the package deploy/causal-js over subscriptions of several clients of npm's `centrifuge`: a JSON command on
// standard input, {"windowMs":…,"subscriptions":[{"url":…,"channel":…}]}, one JSON event a line on standard output.
import readline from 'node:readline';
import { Centrifuge } from 'centrifuge';
import WebSocket from 'ws';
import { CausalStream } from '../../../deploy/causal-js/index.js';

const emit = event => process.stdout.write(JSON.stringify(event) + '\n');

function start({ windowMs, subscriptions }) {
  const stream = new CausalStream([], { windowMs });
  stream.onPublication(({ id, ...publication }) => emit({ event: 'merged', ...publication, id: String(id) }));
  for (const { url, channel } of subscriptions) {
    const client = new Centrifuge(url, { websocket: WebSocket });
    const sub = client.newSubscription(channel);
    stream.add(sub);
    sub.on('publication', ctx => emit({ event: 'publication', ...ctx }));
    sub.on('subscribed', () => emit({ event: 'subscribed', channel }));
    sub.subscribe();
    client.connect();
  }
}

readline.createInterface({ input: process.stdin }).once('line', line => start(JSON.parse(line)));
