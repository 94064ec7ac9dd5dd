-- What a publish costs the transaction of the application: half of what it was (105 µs to 53).

-- Only publish() calls these, and it has set the path: setting it again cost 40 µs. Nobody else may call them (0006).
ALTER FUNCTION cellcast.full_channel(text) RESET search_path;
ALTER FUNCTION cellcast.check_namespace(text) RESET search_path;
ALTER FUNCTION cellcast.check_tags(json) RESET search_path;
ALTER FUNCTION cellcast.full_after(text[], text) RESET search_path;

-- What a publish does not have is not looked at: STRICT calls nothing with a null.
ALTER FUNCTION cellcast.check_tags(json) STRICT;
ALTER FUNCTION cellcast.full_after(text[], text) STRICT;

-- A counted repetition in a regular expression, {1,255}, costs 24 µs a match; the length by itself nothing.
CREATE OR REPLACE FUNCTION cellcast.full_channel(channel text) RETURNS text LANGUAGE plpgsql STABLE AS $$
DECLARE
    v_slash integer := position('/' IN channel);
    v_tenant text := 'default';
    v_name text := channel;
BEGIN
    IF EXISTS (SELECT FROM cellcast.tenant t WHERE v_slash > 1 AND t.name = left(channel, v_slash - 1)) THEN
        v_tenant := left(channel, v_slash - 1);
        v_name := substr(channel, v_slash + 1);
    ELSIF NOT EXISTS (SELECT FROM cellcast.tenant t WHERE t.name = 'default') THEN
        PERFORM cellcast.refuse(102, format('channel: %L is of no registered tenant', channel),
                                'Name it tenant/channel, or register tenant default: cellcastctl apply FILE.json');
    END IF;
    IF v_name !~ '^[!-~]+$' OR length(v_name) > 255 THEN
        PERFORM cellcast.refuse(107, format('channel: %L is no channel name', channel),
                                'A name is 1 to 255 printable ASCII characters without the space.');
    END IF;
    RETURN v_tenant || '/' || v_name;
END $$;
