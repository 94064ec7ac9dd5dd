/** What this package needs of a Subscription of the npm package `centrifuge`. */
export interface SubscriptionLike {
  readonly state: string;
  on(event: string, listener: (ctx: any) => void): unknown;
  removeListener(event: string, listener: (ctx: any) => void): unknown;
}

export interface CausalOptions {
  /** Longest that a publication waits for ones with smaller ids, ms; default 100. */
  windowMs?: number;
  /** The same while one of the subscriptions is being subscribed (again), and windowMs beyond, ms; default 2000, at least windowMs. */
  recoveryMs?: number;
  /** Most publications that wait; beyond it the smallest id goes without waiting. Default 10000. */
  maxWaiting?: number;
  /** For tests. */
  clock?: {
    now(): number;
    setTimeout(run: () => void, ms: number): unknown;
    clearTimeout(timer: any): void;
  };
}

export interface CausalPublication<Data = any> {
  channel: string;
  data: Data;
  offset?: number;
  tags?: Record<string, string>;
  /** The cluster's id; undefined for a publication without one, which is handed over as it comes. */
  id: bigint | undefined;
  /** It came after one with a greater id had been handed over. */
  late: boolean;
  [more: string]: unknown;
}

export interface CausalStats {
  delivered: number;
  late: number;
  unordered: number;
  pushedOut: number;
  waiting: number;
}

export declare function idOf(publication: { tags?: Record<string, string> }): bigint | undefined;

export declare class CausalStream {
  constructor(subscriptions?: Iterable<SubscriptionLike>, options?: CausalOptions);
  add(subscription: SubscriptionLike): void;
  remove(subscription: SubscriptionLike): void;
  onPublication(listener: (publication: CausalPublication) => void): () => void;
  close(): void;
  readonly stats: CausalStats;
}
