import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CausalStream, idOf } from '../../deploy/causal-js/index.js';

class Clock {
  time = 0;
  timers = new Map();
  now = () => this.time;
  setTimeout = (run, ms) => {
    const timer = Symbol();
    this.timers.set(timer, { at: this.time + ms, run });
    return timer;
  };
  clearTimeout = timer => this.timers.delete(timer);

  pass(ms) {
    for (const end = this.time + ms; ; ) {
      const due = [...this.timers].filter(([, t]) => t.at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
      this.time = due ? Math.max(this.time, due[1].at) : end;
      if (!due) return;
      this.timers.delete(due[0]);
      due[1].run();
    }
  }
}

class Subscription {
  state = 'subscribed';
  listeners = {};
  constructor(channel) {
    this.channel = channel;
  }
  on(event, listener) {
    (this.listeners[event] ??= new Set()).add(listener);
  }
  removeListener(event, listener) {
    this.listeners[event]?.delete(listener);
  }
  emit(event, ctx) {
    for (const listener of this.listeners[event] ?? []) listener(ctx);
  }
  publish(id, tags = { id: String(id) }) {
    this.emit('publication', { channel: this.channel, data: id, tags });
  }
  goto(state) {
    this.state = state;
    if (state !== 'subscribing') this.emit(state, { channel: this.channel });
  }
}

function setting(options = {}, channels = ['a', 'b']) {
  const clock = new Clock();
  const subs = channels.map(c => new Subscription(c));
  const stream = new CausalStream(subs, { clock, ...options });
  const heard = [];
  stream.onPublication(p => heard.push(p.late ? `${p.data}!` : p.data));
  return { clock, stream, heard, subs, a: subs[0], b: subs[1], c: subs[2] };
}

test('ids are 64 bits, and what is none is no id', () => {
  assert.equal(idOf({ tags: { id: '9223372036854775807' } }), 9223372036854775807n);
  for (const tags of [undefined, {}, { id: '' }, { id: 'x' }, { id: '1.5' }, { id: '-1' }]) assert.equal(idOf({ tags }), undefined);
  const { heard, a, b, clock } = setting();
  a.publish('9007199254740993'); // a Number cannot tell these two apart
  b.publish('9007199254740992');
  clock.pass(100);
  assert.deepEqual(heard, ['9007199254740992', '9007199254740993']);
});

test('what overtakes within the window is put behind', () => {
  const { heard, a, b, clock } = setting();
  b.publish(20);
  clock.pass(99);
  assert.deepEqual(heard, []);
  a.publish(10);
  assert.deepEqual(heard, [10]); // b is past it
  clock.pass(1);
  assert.deepEqual(heard, [10, 20]);
});

test('nothing waits for longer than the window', () => {
  const { heard, a, b, clock } = setting({ windowMs: 50 });
  a.publish(10);
  clock.pass(30);
  a.publish(11);
  clock.pass(19);
  assert.deepEqual(heard, []);
  clock.pass(1);
  assert.deepEqual(heard, [10]);
  clock.pass(30);
  assert.deepEqual(heard, [10, 11]);
  assert.equal(clock.timers.size, 0);
  b.publish(5);
  assert.deepEqual(heard, [10, 11, '5!']);
});

test('nothing waits once every other subscription has come past it', () => {
  const { heard, a, b, c } = setting({}, ['a', 'b', 'c']);
  a.publish(1);
  b.publish(2);
  assert.deepEqual(heard, []);
  c.publish(3);
  assert.deepEqual(heard, [1]);
  a.publish(4);
  assert.deepEqual(heard, [1, 2]);
});

test('one whose time is over takes along what has a smaller id', () => {
  const { heard, a, b, clock } = setting();
  b.publish(20);
  clock.pass(90);
  a.publish(11);
  a.publish(12);
  a.publish(30);
  assert.deepEqual(heard, [11, 12, 20]);
  clock.pass(89);
  assert.deepEqual(heard, [11, 12, 20]);
});

test('a late one is handed over at once and the order goes on', () => {
  const { heard, a, b, clock, stream } = setting();
  b.publish(20);
  clock.pass(100);
  a.publish(10);
  a.publish(30);
  clock.pass(100);
  assert.deepEqual(heard, [20, '10!', 30]);
  assert.deepEqual(stream.stats, { delivered: 3, late: 1, unordered: 0, pushedOut: 0, waiting: 0 });
});

test('during a recovery the longer time counts', () => {
  const { heard, a, b, clock } = setting({ windowMs: 100, recoveryMs: 1000 });
  a.publish(1);
  b.publish(1.5, { id: '2' });
  clock.pass(200);
  heard.length = 0;
  a.goto('subscribing');
  b.goto('subscribing');
  b.goto('subscribed');
  for (const id of [12, 14]) b.publish(id);
  clock.pass(900);
  assert.deepEqual(heard, []);
  a.goto('subscribed');
  for (const id of [11, 13]) a.publish(id);
  assert.deepEqual(heard, []);
  clock.pass(100);
  assert.deepEqual(heard, [11, 12, 13, 14]);
  a.publish(20);
  clock.pass(100); // and the shorter one again
  assert.deepEqual(heard, [11, 12, 13, 14, 20]);
});

test('a subscription that stays away holds nobody for longer than that', () => {
  const { heard, a, b, clock } = setting({ windowMs: 100, recoveryMs: 1000 });
  a.goto('subscribing');
  b.publish(5);
  clock.pass(999);
  assert.deepEqual(heard, []);
  clock.pass(1);
  assert.deepEqual(heard, [5]);
});

test('publications without an id are handed over as they come', () => {
  const { heard, a, b, clock, stream } = setting();
  b.publish(20);
  a.publish('plain', undefined);
  a.emit('publication', { channel: 'a', data: 'ephemeral' });
  assert.deepEqual(heard, ['plain', 'ephemeral']);
  clock.pass(100);
  assert.deepEqual(heard, ['plain', 'ephemeral', 20]);
  assert.equal(stream.stats.unordered, 2);
});

test('no more wait than the bound allows', () => {
  const { heard, a, stream } = setting({ maxWaiting: 3 });
  for (let id = 1; id <= 5; id++) a.publish(id);
  assert.deepEqual(heard, [1, 2]);
  assert.deepEqual(stream.stats, { delivered: 2, late: 0, unordered: 0, pushedOut: 2, waiting: 3 });
});

test('a subscription may come and go', () => {
  const { heard, a, b, clock, stream } = setting();
  const c = new Subscription('c');
  stream.add(c);
  stream.add(c);
  a.publish(1);
  b.publish(2);
  stream.remove(c);
  c.publish(3);
  clock.pass(0);
  assert.deepEqual(heard, [1]);
  stream.close();
  a.publish(9);
  assert.deepEqual(heard, [1, 2]);
  assert.equal(clock.timers.size, 0);
});

test('a listener that throws takes nothing from the others', async () => {
  const { heard, a, clock, stream } = setting();
  const off = stream.onPublication(p => heard.push(`again ${p.data}`));
  const thrown = [];
  const others = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', error => thrown.push(error.message));
  stream.onPublication(() => {
    throw new Error('mine');
  });
  a.publish(1);
  clock.pass(100);
  off();
  a.publish(2);
  clock.pass(100);
  await new Promise(resolve => setImmediate(resolve));
  process.removeAllListeners('uncaughtException');
  for (const listener of others) process.on('uncaughtException', listener);
  assert.deepEqual(heard, [1, 'again 1', 2]);
  assert.deepEqual(thrown, ['mine', 'mine']);
});

test('a listener that closes the stream gets the rest in order', () => {
  const { clock, stream, heard, a, b } = setting();
  stream.onPublication(({ data }) => data === 1 && stream.close());
  for (const id of [1, 2, 3]) a.publish(id);
  clock.pass(50);
  a.publish(4);
  b.publish(5);
  clock.pass(50);
  assert.deepEqual(heard, [1, 2, 3, 4, 5]);
});

test('any arrival within the window comes out in order, each once', () => {
  let seed = 7;
  const random = n => (seed = (seed * 1103515245 + 12345) % 2147483648) % n;
  for (let run = 0; run < 50; run++) {
    const { heard, subs, clock } = setting({ windowMs: 100 }, ['a', 'b', 'c', 'd']);
    const queues = subs.map(() => []);
    for (let id = 1; id <= 200; id++) queues[random(4)].push({ id, due: id * 5 + random(95) });
    for (const queue of queues) for (let i = 1; i < queue.length; i++) queue[i].due = Math.max(queue[i].due, queue[i - 1].due);
    const all = queues.flatMap((queue, i) => queue.map(p => ({ ...p, sub: subs[i] }))).sort((x, y) => x.due - y.due || x.id - y.id);
    for (const p of all) {
      clock.pass(p.due - clock.now());
      p.sub.publish(p.id);
    }
    clock.pass(1000);
    assert.deepEqual(heard, Array.from({ length: 200 }, (_, i) => i + 1));
  }
});
