-- While a transaction of anybody's in this database is long (a dump, a report, a session left idle in one), PostgreSQL keeps every version of
-- every row that was updated since it began. Rows that each batch updates were found by walking all of them: after two minutes of 1,000
-- messages a second a publish took 150 ms, and more with each minute. Now the key holds an era, which ends after 32 updates, so that at most
-- 32 versions are under one key (decision 0036). Who looks for the newest row asks for the highest era. A batch that is under way by the
-- commit_batch() of before finds no key of channels alone any more, fails, and is sent again.

ALTER TABLE cellcast.shard ADD COLUMN era bigint GENERATED ALWAYS AS (batch >> 5) STORED;
ALTER TABLE cellcast.shard ALTER COLUMN era DROP EXPRESSION, ALTER COLUMN era SET NOT NULL, ALTER COLUMN era SET DEFAULT 0,
    DROP CONSTRAINT shard_pkey, ADD CONSTRAINT shard_pkey PRIMARY KEY (shard, era);
ALTER TABLE cellcast.channel_head ADD COLUMN era bigint GENERATED ALWAYS AS (seq >> 5) STORED;
ALTER TABLE cellcast.channel_head ALTER COLUMN era DROP EXPRESSION, ALTER COLUMN era SET NOT NULL, ALTER COLUMN era SET DEFAULT 0,
    DROP CONSTRAINT channel_head_pkey, ADD CONSTRAINT channel_head_pkey PRIMARY KEY (channel, epoch, era);

-- Asked for a hundred times a second, and was parsed anew each time.
CREATE OR REPLACE FUNCTION cellcast.config_version() RETURNS bigint LANGUAGE plpgsql STABLE
    SET search_path = pg_catalog, pg_temp
    AS $$ BEGIN RETURN (SELECT version FROM cellcast.config_state); END $$;
-- Not immutable, as to_char() is not; as what it is it becomes part of who calls it. It was parsed anew by each batch.
ALTER FUNCTION cellcast.partition_name(integer) STABLE;

CREATE OR REPLACE FUNCTION cellcast.commit_batch(
        p_epoch bigint,
        s_shards smallint[], s_terms bigint[], s_batches bigint[], s_last_ids bigint[],
        h_channels text[], h_shards smallint[], h_prevs bigint[], h_seqs bigint[], h_ids bigint[],
        m_channels text[], m_shards smallint[], m_seqs bigint[], m_ids bigint[], m_formats smallint[], m_data bytea[],
        m_tags text[], m_infos text[], m_afters text[], m_keys text[], m_origins bigint[], m_counters bigint[],
        p_outbox bigint[])
    RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_now timestamptz;
    v_count bigint;
    v_more bigint;
    v_first integer;
    v_last integer;
BEGIN
    IF cardinality(s_shards) = 0 THEN
        RAISE EXCEPTION 'a batch without shards' USING ERRCODE = 'ZC001';
    END IF;
    UPDATE cellcast.shard s SET batch = s.batch + 1, era = (s.batch + 1) >> 5, last_id = b.last_id
        FROM unnest(s_shards, s_terms, s_batches, s_last_ids) b(shard, term, batch, last_id)
        WHERE s.shard = b.shard AND s.era = b.batch >> 5 AND s.batch = b.batch AND s.leader_term = b.term AND s.epoch = p_epoch;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    IF v_count <> cardinality(s_shards) THEN
        RAISE EXCEPTION '% of % shards (%) are not at the term and batch that is built on',
            cardinality(s_shards) - v_count, cardinality(s_shards), array_to_string(s_shards, ' ') USING ERRCODE = 'ZC001';
    END IF;
    v_now := date_trunc('milliseconds', clock_timestamp()); -- readers round it in more than one way

    UPDATE cellcast.channel_head h SET seq = b.seq, era = b.seq >> 5, prev = b.prev, id = b.id
        FROM unnest(h_channels, h_prevs, h_seqs, h_ids) b(channel, prev, seq, id)
        WHERE b.prev > 0 AND h.channel = b.channel AND h.epoch = p_epoch AND h.era = b.prev >> 5 AND h.seq = b.prev;
    GET DIAGNOSTICS v_count = ROW_COUNT;
    IF v_count <> cardinality(h_channels) THEN -- the others begin, or begin anew in this epoch; nobody else does meanwhile: the shard is locked
        UPDATE cellcast.channel_head h SET epoch = p_epoch, seq = b.seq, era = b.seq >> 5, prev = 0, id = b.id
            FROM unnest(h_channels, h_prevs, h_seqs, h_ids) b(channel, prev, seq, id)
            WHERE b.prev = 0 AND h.channel = b.channel AND h.epoch < p_epoch;
        GET DIAGNOSTICS v_more = ROW_COUNT;
        v_count := v_count + v_more;
        INSERT INTO cellcast.channel_head (channel, tenant, shard, epoch, seq, era, prev, id)
            SELECT b.channel, split_part(b.channel, '/', 1), b.shard, p_epoch, b.seq, b.seq >> 5, 0, b.id
            FROM unnest(h_channels, h_shards, h_prevs, h_seqs, h_ids) b(channel, shard, prev, seq, id)
            WHERE b.prev = 0 AND NOT EXISTS (SELECT FROM cellcast.channel_head h WHERE h.channel = b.channel);
        GET DIAGNOSTICS v_more = ROW_COUNT;
        v_count := v_count + v_more;
    END IF;
    IF v_count <> cardinality(h_channels) THEN
        RAISE EXCEPTION '% of % heads were elsewhere', cardinality(h_channels) - v_count, cardinality(h_channels)
            USING ERRCODE = 'ZC002';
    END IF;

    -- A clock may jump past the partitions that were made ahead.
    SELECT cellcast.id_day(min(id)), cellcast.id_day(max(id)) INTO v_first, v_last FROM unnest(m_ids) id;
    IF to_regclass('cellcast.' || cellcast.partition_name(v_first)) IS NULL
        OR to_regclass('cellcast.' || cellcast.partition_name(v_last)) IS NULL OR v_last - v_first > 1 THEN
        PERFORM cellcast.add_partition(day) FROM (SELECT DISTINCT cellcast.id_day(id) AS day FROM unnest(m_ids) id) d;
    END IF;
    INSERT INTO cellcast.message
            (id, channel, tenant, shard, epoch, seq, created_at, format, data, tags, info, after, origin, counter)
        SELECT b.id, b.channel, split_part(b.channel, '/', 1), b.shard, p_epoch, b.seq, v_now, b.format, b.data, b.tags,
            b.info, b.after, b.origin, b.counter
        FROM unnest(m_channels, m_shards, m_seqs, m_ids, m_formats, m_data, m_tags, m_infos, m_afters, m_origins,
                    m_counters)
            b(channel, shard, seq, id, format, data, tags, info, after, origin, counter);

    INSERT INTO cellcast.receipt (origin, low, high, epoch, counters, seqs, ids, created_at)
        SELECT b.origin, min(b.counter), max(b.counter), p_epoch, array_agg(b.counter), array_agg(b.seq),
            array_agg(b.id), v_now
        FROM unnest(m_origins, m_counters, m_seqs, m_ids) b(origin, counter, seq, id)
        WHERE b.origin IS NOT NULL GROUP BY b.origin;

    IF m_keys IS NOT NULL THEN
        INSERT INTO cellcast.idempotency AS k (channel, key, epoch, seq, id, created_at)
            SELECT b.channel, b.key, p_epoch, b.seq, b.id, v_now
            FROM unnest(m_channels, m_keys, m_seqs, m_ids) b(channel, key, seq, id) WHERE b.key IS NOT NULL
            ON CONFLICT (channel, key) DO UPDATE
            SET epoch = excluded.epoch, seq = excluded.seq, id = excluded.id, created_at = excluded.created_at
            WHERE k.created_at < excluded.created_at - interval '10 minutes';
        GET DIAGNOSTICS v_count = ROW_COUNT;
        IF v_count <> (SELECT count(key) FROM unnest(m_keys) key) THEN
            RAISE EXCEPTION 'an idempotency key of the batch has been used' USING ERRCODE = 'ZC004';
        END IF;
    END IF;

    IF p_outbox IS NOT NULL THEN
        WITH gone AS (DELETE FROM cellcast.outbox WHERE id = ANY (p_outbox) RETURNING id)
            SELECT count(*) INTO v_count FROM gone;
        IF v_count <> cardinality(p_outbox) THEN
            RAISE EXCEPTION '% of % outbox rows are gone', cardinality(p_outbox) - v_count, cardinality(p_outbox)
                USING ERRCODE = 'ZC003';
        END IF;
    END IF;
    RETURN (extract(epoch FROM v_now) * 1000)::bigint;
END $$;

-- -> the references in full form, parted by one space; null when there are none
CREATE OR REPLACE FUNCTION cellcast.full_after(after text[], tenant text) RETURNS text LANGUAGE plpgsql STABLE STRICT AS $$
DECLARE
    v_reference text;
    v_match text[];
    v_full text;
    v_all text[] := '{}';
BEGIN
    IF cardinality(after) > 8 THEN
        PERFORM cellcast.refuse(107, format('after: %s references; 8 are the most', cardinality(after)));
    END IF;
    FOREACH v_reference IN ARRAY coalesce(after, '{}') LOOP
        v_match := regexp_match(v_reference, '^(.+)@([1-9]\d{0,18})$');
        IF v_match IS NULL OR v_match[2]::numeric > 9223372036854775807 THEN
            PERFORM cellcast.refuse(107, format('after: %L is no reference', v_reference), 'A reference is channel@seq.');
        END IF;
        v_full := cellcast.full_channel(v_match[1]);
        IF split_part(v_full, '/', 1) <> tenant THEN
            PERFORM cellcast.refuse(107, format('after: %L is of another tenant than the publication', v_reference));
        END IF;
        -- An older snapshot may lack what the application has seen: then the sequencer alone decides.
        IF current_setting('transaction_isolation') = 'read committed' AND coalesce(
            (SELECT h.seq FROM cellcast.channel_head h WHERE h.channel = v_full ORDER BY h.epoch DESC, h.era DESC LIMIT 1), 0)
            < v_match[2]::bigint THEN
            PERFORM cellcast.refuse(107, format('after: %s does not exist', v_reference));
        END IF;
        v_all := v_all || (v_full || '@' || v_match[2]);
    END LOOP;
    RETURN nullif(array_to_string(v_all, ' '), '');
END $$;
