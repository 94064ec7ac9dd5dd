-- Who writes, and the one way in which anything is written.
-- Conditions that the sequencer tells apart: ZC001 fenced, ZC002 head, ZC003 outbox row, ZC004 idempotency key.

-- Which of the shards may be taken now: those that are the holder's already, and those whose leader's backend is gone.
CREATE FUNCTION cellcast.free_shards(p_shards smallint[], p_holder bigint, p_force boolean) RETURNS smallint[]
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT array(
    SELECT s.shard FROM cellcast.shard s
    WHERE s.shard = ANY (p_shards) AND (p_force OR s.holder = p_holder OR NOT EXISTS (
        SELECT FROM pg_stat_activity a WHERE a.pid = s.pid AND a.backend_start = s.backend_start))
    ORDER BY s.shard)
$$;

-- Takes the shards for a process (p_holder). A shard whose recorded backend lives is somebody's: it is left alone,
-- unless it is the process's own former one or `p_force`. Ending the old backend comes first, so that the row locks
-- of its last statement end; raising the term then waits for whatever still holds a row. Whoever returns from here
-- reads heads that no former leader can change any more. undisturbed: nobody else has led the shard since the holder
-- did.
CREATE FUNCTION cellcast.take_over(p_shards smallint[], p_holder bigint, p_force boolean, p_synchronous boolean)
    RETURNS TABLE (shard smallint, epoch bigint, leader_term bigint, batch bigint, last_id bigint, undisturbed boolean,
                   identity text, clock_ms bigint)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    v_system bigint := (SELECT system_identifier FROM pg_control_system());
    v_timeline integer := cellcast.timeline();
    v_epoch bigint;
    v_free smallint[];
BEGIN
    PERFORM pg_terminate_backend(a.pid)
    FROM (SELECT DISTINCT s.pid, s.backend_start FROM cellcast.shard s
          WHERE s.shard = ANY (p_shards) AND (p_force OR s.holder = p_holder)) old
        JOIN pg_stat_activity a ON a.pid = old.pid AND a.backend_start = old.backend_start
    WHERE a.pid <> pg_backend_pid();

    -- Twice: unlocked, so that one who waits does not disturb the leader, and again behind the locks.
    v_free := cellcast.free_shards(p_shards, p_holder, p_force);
    IF cardinality(v_free) = 0 THEN
        RETURN;
    END IF;
    PERFORM FROM cellcast.shard s WHERE s.shard = ANY (v_free) ORDER BY s.shard FOR UPDATE;
    PERFORM pg_stat_clear_snapshot();
    v_free := cellcast.free_shards(v_free, p_holder, p_force);

    -- Once, however many take over: who comes second waits for the row and finds it changed.
    UPDATE cellcast.log l
    SET epoch = CASE WHEN p_synchronous AND l.system_identifier = v_system THEN l.epoch
                     ELSE greatest(l.epoch + 1, extract(epoch FROM clock_timestamp())::bigint) END,
        system_identifier = v_system, timeline = v_timeline
    WHERE (l.system_identifier, l.timeline) <> (v_system, v_timeline);
    SELECT l.epoch INTO v_epoch FROM cellcast.log l;

    RETURN QUERY
    UPDATE cellcast.shard s
    SET leader_term = s.leader_term + 1, epoch = v_epoch, holder = p_holder, pid = pg_backend_pid(),
        backend_start = (SELECT a.backend_start FROM pg_stat_activity a WHERE a.pid = pg_backend_pid())
    FROM cellcast.shard old
    WHERE s.shard = ANY (v_free) AND old.shard = s.shard
    RETURNING s.shard, s.epoch, s.leader_term, s.batch, s.last_id, old.holder IS NOT DISTINCT FROM p_holder,
        v_system || '/' || v_timeline, (extract(epoch FROM clock_timestamp()) * 1000)::bigint;
END $$;

-- What `cellcastctl epoch bump` calls. Running leaders are fenced and take their shards again, in the new epoch.
CREATE FUNCTION cellcast.epoch_bump() RETURNS bigint LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_epoch bigint;
BEGIN
    PERFORM FROM cellcast.shard s ORDER BY s.shard FOR UPDATE;
    UPDATE cellcast.log l SET epoch = greatest(l.epoch + 1, extract(epoch FROM clock_timestamp())::bigint)
        RETURNING l.epoch INTO v_epoch;
    UPDATE cellcast.shard s SET leader_term = s.leader_term + 1, epoch = v_epoch;
    RETURN v_epoch;
END $$;

-- One batch, one transaction. Arrays of one letter run in parallel: s shards (ascending; batches: the number that the
-- row must have), h heads (prev: the seq built on, 0 where the channel or its epoch begins), m messages.
-- -> the database's clock in ms, which is also the rows' created_at
CREATE FUNCTION cellcast.commit_batch(
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
    v_first integer;
    v_last integer;
BEGIN
    IF cardinality(s_shards) = 0 THEN
        RAISE EXCEPTION 'a batch without shards' USING ERRCODE = 'ZC001';
    END IF;
    FOR i IN 1 .. cardinality(s_shards) LOOP
        UPDATE cellcast.shard SET batch = batch + 1, last_id = s_last_ids[i]
        WHERE shard = s_shards[i] AND leader_term = s_terms[i] AND batch = s_batches[i] AND epoch = p_epoch;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'shard % is not at term % batch %', s_shards[i], s_terms[i], s_batches[i]
                USING ERRCODE = 'ZC001';
        END IF;
    END LOOP;
    v_now := date_trunc('milliseconds', clock_timestamp()); -- readers round it in more than one way

    INSERT INTO cellcast.channel_head AS h (channel, tenant, shard, epoch, seq, prev, id)
        SELECT b.channel, split_part(b.channel, '/', 1), b.shard, p_epoch, b.seq, b.prev, b.id
        FROM unnest(h_channels, h_shards, h_prevs, h_seqs, h_ids) b(channel, shard, prev, seq, id)
        ON CONFLICT (channel) DO UPDATE
        SET epoch = excluded.epoch, seq = excluded.seq, prev = excluded.prev, id = excluded.id
        WHERE (h.epoch = excluded.epoch AND h.seq = excluded.prev) OR (h.epoch < excluded.epoch AND excluded.prev = 0);
    GET DIAGNOSTICS v_count = ROW_COUNT;
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
