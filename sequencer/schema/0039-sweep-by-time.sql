-- A clock that has jumped ahead makes nobody forget what was published a moment ago: an idempotency key and a receipt go when they are
-- old by the database's clock and by their id. Ids follow a jump by --clock-step (5 minutes) at once, and then at twice the speed of
-- time, so not by the newest one: the sequencer knows by a clock that does not jump which id was given how long ago.
CREATE OR REPLACE FUNCTION cellcast.sweep(most integer, p_keys_from bigint, p_receipts_from bigint) RETURNS bigint LANGUAGE plpgsql
    SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    v_removed bigint;
    v_more bigint;
BEGIN
    DELETE FROM cellcast.idempotency WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM cellcast.idempotency
        WHERE created_at < clock_timestamp() - interval '10 minutes' AND id < p_keys_from LIMIT most));
    GET DIAGNOSTICS v_removed = ROW_COUNT;
    DELETE FROM cellcast.receipt WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM cellcast.receipt
        WHERE created_at < clock_timestamp() - interval '3 minutes' AND ids[1] < p_receipts_from LIMIT most));
    GET DIAGNOSTICS v_more = ROW_COUNT;
    DELETE FROM cellcast.relay_progress p WHERE NOT EXISTS (SELECT FROM cellcast.cell c WHERE c.name = p.cell);
    RETURN v_removed + v_more;
END $$;
REVOKE ALL ON FUNCTION cellcast.sweep(integer, bigint, bigint) FROM PUBLIC;
-- A sequencer of the release before calls it so.
CREATE OR REPLACE FUNCTION cellcast.sweep(most integer) RETURNS bigint LANGUAGE sql
    SET search_path = pg_catalog, pg_temp AS $$
SELECT cellcast.sweep(most, n.id - (600000::bigint << 21), n.id - (180000::bigint << 21))
FROM (SELECT max(s.last_id) AS id FROM generate_series(0::smallint, 63) w(shard),
      LATERAL (SELECT * FROM cellcast.shard c WHERE c.shard = w.shard ORDER BY c.era DESC LIMIT 1) s) n
$$;
