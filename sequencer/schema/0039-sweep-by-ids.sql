-- A clock that has jumped ahead makes nobody forget what was published a moment ago: an idempotency key and a receipt go when they are
-- old by the database's clock and by the newest id, which follows a jump slowly (the sequencer's --clock-step), as partitions do (0033).
CREATE OR REPLACE FUNCTION cellcast.sweep(most integer) RETURNS bigint LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_newest bigint := (SELECT max(s.last_id) FROM cellcast.shard s);
    v_minute bigint := 60000::bigint << 21;
    v_removed bigint;
    v_more bigint;
BEGIN
    DELETE FROM cellcast.idempotency WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM cellcast.idempotency
        WHERE created_at < clock_timestamp() - interval '10 minutes' AND id < v_newest - 10 * v_minute LIMIT most));
    GET DIAGNOSTICS v_removed = ROW_COUNT;
    DELETE FROM cellcast.receipt WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM cellcast.receipt
        WHERE created_at < clock_timestamp() - interval '3 minutes' AND ids[1] < v_newest - 3 * v_minute LIMIT most));
    GET DIAGNOSTICS v_more = ROW_COUNT;
    DELETE FROM cellcast.relay_progress p WHERE NOT EXISTS (SELECT FROM cellcast.cell c WHERE c.name = p.cell);
    RETURN v_removed + v_more;
END $$;
