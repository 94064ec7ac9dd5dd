-- A takeover spares processes by name instead of all or none, and shards are handed over in order.

DROP FUNCTION cellcast.take_over(smallint[], bigint, boolean, boolean);
DROP FUNCTION cellcast.free_shards(smallint[], bigint, boolean);

-- Whether whoever holds a shard is to be left alone as long as its backend lives. p_spared: the holders that were heard
-- to live; null: nobody has been listened to long enough, all of them.
CREATE FUNCTION cellcast.is_spared(p_holder bigint, p_spared bigint[]) RETURNS boolean
    LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
SELECT coalesce(p_holder = ANY (p_spared), true)
$$;

-- Which of the shards may be taken now: those that are the holder's already, those whose leader is not spared, and
-- those whose leader's backend is gone.
CREATE FUNCTION cellcast.free_shards(p_shards smallint[], p_holder bigint, p_spared bigint[]) RETURNS smallint[]
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
SELECT array(
    SELECT s.shard FROM cellcast.shard s
    WHERE s.shard = ANY (p_shards) AND (s.holder = p_holder OR NOT cellcast.is_spared(s.holder, p_spared) OR NOT EXISTS (
        SELECT FROM pg_stat_activity a WHERE a.pid = s.pid AND a.backend_start = s.backend_start))
    ORDER BY s.shard)
$$;

-- Takes the shards for a process (p_holder). A shard whose recorded backend lives is somebody's: it is left alone,
-- unless it is the process's own former one or its holder is not among p_spared. Ending the old backend comes first, so
-- that the row locks of its last statement end; raising the term then waits for whatever still holds a row. Whoever
-- returns from here reads heads that no former leader can change any more. Of two standbys that come at once, each of
-- which spares the other, the second finds the first behind the locks. undisturbed: nobody else has led the shard since
-- the holder did.
CREATE FUNCTION cellcast.take_over(p_shards smallint[], p_holder bigint, p_spared bigint[], p_synchronous boolean)
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
          WHERE s.shard = ANY (p_shards) AND (s.holder = p_holder OR NOT cellcast.is_spared(s.holder, p_spared))) old
        JOIN pg_stat_activity a ON a.pid = old.pid AND a.backend_start = old.backend_start
    WHERE a.pid <> pg_backend_pid();

    -- Twice: unlocked, so that one who waits does not disturb the leader, and again behind the locks.
    v_free := cellcast.free_shards(p_shards, p_holder, p_spared);
    IF cardinality(v_free) = 0 THEN
        RETURN;
    END IF;
    PERFORM FROM cellcast.shard s WHERE s.shard = ANY (v_free) ORDER BY s.shard FOR UPDATE;
    PERFORM pg_stat_clear_snapshot();
    v_free := cellcast.free_shards(v_free, p_holder, p_spared);

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

-- A leader gives shards to another process, by its holder and the backend of its writer: the rows are that one's from
-- here on, and nobody else's, until it takes them or its backend goes. The leader's batches before it are committed or
-- not; none comes after it, since the term is another. -> the shards that were given
CREATE FUNCTION cellcast.hand_over(p_shards smallint[], p_holder bigint, p_to bigint, p_to_pid integer)
    RETURNS smallint[] LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_given smallint[];
BEGIN
    PERFORM FROM cellcast.shard s WHERE s.shard = ANY (p_shards) ORDER BY s.shard FOR UPDATE;
    PERFORM pg_stat_clear_snapshot();
    WITH given AS (
        UPDATE cellcast.shard s
        SET leader_term = s.leader_term + 1, holder = p_to, pid = a.pid, backend_start = a.backend_start
        FROM pg_stat_activity a
        WHERE s.shard = ANY (p_shards) AND s.holder = p_holder AND a.pid = p_to_pid AND a.datname = current_database()
        RETURNING s.shard)
    SELECT coalesce(array_agg(g.shard ORDER BY g.shard), '{}') INTO v_given FROM given g;
    RETURN v_given;
END $$;

REVOKE ALL ON FUNCTION cellcast.is_spared(bigint, bigint[]), cellcast.free_shards(smallint[], bigint, bigint[]),
    cellcast.take_over(smallint[], bigint, bigint[], boolean), cellcast.hand_over(smallint[], bigint, bigint, integer)
    FROM PUBLIC;
