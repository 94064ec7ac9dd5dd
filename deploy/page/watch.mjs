// node watch.mjs URL CHANNEL…: prints what arrives, one line each. deploy/local watch CHANNEL calls it.
import { Centrifuge } from 'centrifuge';
import WebSocket from 'ws';

const [url, ...channels] = process.argv.slice(2);
const client = new Centrifuge(url, { websocket: WebSocket });
client.on('connected', ctx => console.error(`connected to ${url} as ${ctx.client}`));
client.on('connecting', ctx => console.error(`connecting: ${ctx.reason}`));
client.on('disconnected', ctx => console.error(`disconnected: ${ctx.code} ${ctx.reason}`));
client.on('error', ctx => console.error(`${url}: ${ctx.error.message}`));
for (const channel of channels) {
  const sub = client.newSubscription(channel);
  sub.on('subscribed', ctx => console.error(`subscribed to ${channel}${ctx.wasRecovering ? `, recovered: ${ctx.recovered}` : ''}`));
  sub.on('unsubscribed', ctx => console.error(`${channel}: ${ctx.code} ${ctx.reason}`));
  sub.on('error', ctx => console.error(`${channel}: ${ctx.error.code} ${ctx.error.message}`));
  sub.on('publication', ctx => console.log(`${channel}@${ctx.offset} ${JSON.stringify(ctx.data)}`));
  sub.subscribe();
}
client.connect();
