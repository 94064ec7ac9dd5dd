// Several subscriptions as one stream in the order of the cluster's ids (README.md).
//
//     subscription A ── 3 7 ──┐              smallest id first; 3 goes at once when every other subscription
//     subscription B ── 5 ────┼─▶ waiting ─▶ has come past it, otherwise windowMs after it came
//     subscription C ─────────┘

const REAL = {
  now: () => Date.now(),
  setTimeout: (run, ms) => setTimeout(run, ms),
  clearTimeout: timer => clearTimeout(timer),
};

/** The id of a publication as a BigInt, or undefined when it has none. 64 bits: never a Number. */
export function idOf(publication) {
  const id = publication?.tags?.id;
  return typeof id === 'string' && /^[0-9]{1,20}$/.test(id) ? BigInt(id) : undefined;
}

export class CausalStream {
  #members = new Map(); // subscription -> { last: id of its newest publication, off: () => void }
  #waiting = []; // { id, at, publication }, ascending by id
  #listeners = new Set();
  #released = -1n; // highest id that was handed over
  #settling = -Infinity; // until then what somebody recovered may still come
  #timer;
  #closed = false;
  #counts = { delivered: 0, late: 0, unordered: 0, pushedOut: 0 };

  constructor(subscriptions = [], { windowMs = 100, recoveryMs = 2000, maxWaiting = 10000, clock = REAL } = {}) {
    for (const [name, value] of Object.entries({ windowMs, recoveryMs, maxWaiting }))
      if (!(value >= 0)) throw new RangeError(`${name}: ${value} is not a number from 0`);
    Object.assign(this, { windowMs, recoveryMs: Math.max(windowMs, recoveryMs), maxWaiting, clock });
    for (const subscription of subscriptions) this.add(subscription);
  }

  /** Takes the publications of one more subscription from now on. Before or after its subscribe(). */
  add(subscription) {
    if (this.#members.has(subscription)) return;
    const member = { last: -1n };
    const onPublication = publication => this.#take(member, publication);
    const onSubscribed = () => {
      this.#settling = this.clock.now() + this.windowMs; // what it recovered comes behind this event
      this.#later(0);
    };
    const onUnsubscribed = () => this.#later(0);
    subscription.on('publication', onPublication);
    subscription.on('subscribed', onSubscribed);
    subscription.on('unsubscribed', onUnsubscribed);
    member.off = () => {
      subscription.removeListener('publication', onPublication);
      subscription.removeListener('subscribed', onSubscribed);
      subscription.removeListener('unsubscribed', onUnsubscribed);
    };
    this.#members.set(subscription, member);
  }

  /** Takes no more of it; what waits is still delivered in its turn. */
  remove(subscription) {
    this.#members.get(subscription)?.off();
    if (this.#members.delete(subscription)) this.#later(0);
  }

  /** listener({ ...publication, id, late }). -> a function that takes it off again */
  onPublication(listener) {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Delivers what waits, in order, and takes nothing more. */
  close() {
    if (this.#closed) return;
    for (const subscription of [...this.#members.keys()]) this.remove(subscription);
    this.#closed = true;
    this.#stopTimer();
    while (this.#waiting.length) this.#release(this.#waiting.shift());
  }

  /** { delivered, late, unordered, pushedOut, waiting } */
  get stats() {
    return { ...this.#counts, waiting: this.#waiting.length };
  }

  #take(member, publication) {
    const id = idOf(publication);
    if (id === undefined) {
      this.#counts.unordered++;
      this.#hand({ ...publication, id, late: false });
      return;
    }
    if (id > member.last) member.last = id;
    if (id <= this.#released) {
      this.#counts.late++;
      this.#hand({ ...publication, id, late: true });
      return;
    }
    this.#insert({ id, at: this.clock.now(), publication });
    if (this.#waiting.length > this.maxWaiting) {
      this.#counts.pushedOut++;
      this.#release(this.#waiting.shift());
    }
    this.#deliver();
  }

  // Nearly always the newest is the highest.
  #insert(item) {
    let at = this.#waiting.length;
    while (at > 0 && this.#waiting[at - 1].id > item.id) at--;
    this.#waiting.splice(at, 0, item);
  }

  // Nothing below this id can come any more but by a recovery: each channel's ids ascend.
  #passed() {
    let lowest;
    for (const { last } of this.#members.values()) if (lowest === undefined || last < lowest) lowest = last;
    return lowest ?? this.#released;
  }

  #isRecovering() {
    if (this.clock.now() < this.#settling) return true;
    for (const subscription of this.#members.keys()) if (subscription.state === 'subscribing') return true;
    return false;
  }

  #deliver() {
    const recovering = this.#isRecovering();
    const passed = recovering ? -1n : this.#passed();
    const window = recovering ? this.recoveryMs : this.windowMs;
    const over = this.clock.now() - window;
    let n = 0; // so many go: the last one whose time is over, and everything below it
    for (let i = 0; i < this.#waiting.length; i++)
      if (this.#waiting[i].id <= passed || this.#waiting[i].at <= over) n = i + 1;
    while (n-- > 0 && this.#waiting.length) this.#release(this.#waiting.shift()); // a listener may close the stream meanwhile
    if (this.#waiting.length === 0) return this.#stopTimer();
    const oldest = this.#waiting.reduce((least, { at }) => Math.min(least, at), Infinity);
    const settled = this.#settling - this.clock.now(); // then the shorter time counts again
    this.#later(Math.max(0, settled > 0 ? Math.min(settled, oldest - over) : oldest - over));
  }

  #later(ms) {
    if (this.#closed) return;
    this.#stopTimer();
    this.#timer = this.clock.setTimeout(() => this.#deliver(), ms);
  }

  #stopTimer() {
    if (this.#timer !== undefined) this.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #release({ id, publication }) {
    this.#released = id;
    this.#hand({ ...publication, id, late: false });
  }

  // A listener that throws takes nothing from the others, nor from the stream.
  #hand(publication) {
    this.#counts.delivered++;
    for (const listener of [...this.#listeners]) {
      try {
        listener(publication);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
