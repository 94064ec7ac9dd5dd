-- The message log: what it is numbered by, and who may write it.

-- One row: the generation of the log and the server that it last ran under. A new database begins above every
-- earlier one of the same name, so that brokers and clients that remember the old one see a higher epoch.
CREATE TABLE cellcast.log (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    epoch bigint NOT NULL,
    system_identifier bigint NOT NULL,
    timeline integer NOT NULL
);

-- The timeline that is being written. Not pg_control_checkpoint(): after a promotion that one tells the old timeline
-- until the first checkpoint is done. Raises on a standby.
CREATE FUNCTION cellcast.timeline() RETURNS integer LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
    AS $$ SELECT ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::integer $$;

-- Which server this is: two connections that must see the same one compare it.
CREATE FUNCTION cellcast.identity() RETURNS text LANGUAGE sql VOLATILE
    SET search_path = pg_catalog, pg_temp
    AS $$ SELECT system_identifier || '/' || cellcast.timeline() FROM pg_control_system() $$;

INSERT INTO cellcast.log (epoch, system_identifier, timeline)
    SELECT extract(epoch FROM clock_timestamp())::bigint, system_identifier, cellcast.timeline()
    FROM pg_control_system();

-- One row per virtual shard decides who writes it (design, "One row per shard decides everything").
CREATE TABLE cellcast.shard (
    shard smallint PRIMARY KEY CHECK (shard BETWEEN 0 AND 63),
    epoch bigint NOT NULL,
    leader_term bigint NOT NULL DEFAULT 0, -- raised by each takeover
    batch bigint NOT NULL DEFAULT 0,       -- batches committed
    last_id bigint NOT NULL DEFAULT 0,     -- highest id committed
    holder bigint,                         -- the leading process: drawn at its start
    pid integer,                           -- backend of its writing connection
    backend_start timestamptz
) WITH (fillfactor = 20);
INSERT INTO cellcast.shard (shard, epoch) SELECT n, epoch FROM cellcast.log, generate_series(0, 63) n;

-- Where each channel stands. prev: the seq that the newest batch built on; ON CONFLICT can compare only columns.
CREATE TABLE cellcast.channel_head (
    channel text COLLATE "C" PRIMARY KEY,
    tenant text COLLATE "C" NOT NULL,
    shard smallint NOT NULL,
    epoch bigint NOT NULL,
    seq bigint NOT NULL,
    prev bigint NOT NULL,
    id bigint NOT NULL
) WITH (fillfactor = 70);

CREATE TABLE cellcast.message (
    id bigint NOT NULL,
    channel text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    shard smallint NOT NULL,
    epoch bigint NOT NULL,
    seq bigint NOT NULL,
    created_at timestamptz NOT NULL,
    format smallint NOT NULL,
    data bytea NOT NULL,
    tags text,
    info text,
    after text,
    origin bigint,
    counter bigint,
    PRIMARY KEY (channel, epoch, seq, id)
) PARTITION BY RANGE (id);
CREATE INDEX message_shard_id ON cellcast.message (shard, id);

-- Idempotency keys of the last ten minutes, in the transaction of their message.
CREATE TABLE cellcast.idempotency (
    channel text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    epoch bigint NOT NULL,
    seq bigint NOT NULL,
    id bigint NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (channel, key)
);
CREATE INDEX idempotency_created_at ON cellcast.idempotency (created_at);

-- What was committed for a gateway: one row per gateway and batch. A publish that is sent again finds its first
-- result here. Kept longer than any gateway sends again (60 s).
CREATE TABLE cellcast.receipt (
    origin bigint NOT NULL,    -- drawn by the gateway process at its start
    low bigint NOT NULL,       -- least and greatest of counters
    high bigint NOT NULL,
    epoch bigint NOT NULL,
    counters bigint[] NOT NULL, -- three arrays of the same length
    seqs bigint[] NOT NULL,
    ids bigint[] NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX receipt_origin ON cellcast.receipt (origin, high);
CREATE INDEX receipt_created_at ON cellcast.receipt (created_at);

-- How far each cell's topic is complete, per shard; written by the relay once a second.
CREATE TABLE cellcast.relay_progress (
    cell text NOT NULL,
    shard smallint NOT NULL,
    id bigint NOT NULL,
    PRIMARY KEY (cell, shard)
) WITH (fillfactor = 50);

CREATE FUNCTION cellcast.channel_shard(channel text) RETURNS smallint LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$ SELECT (get_byte(decode(md5(channel), 'hex'), 0) & 63)::smallint $$;
