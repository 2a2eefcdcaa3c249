-- fresh_phone_commitments is counted by hand: summing a day of outbound_messages for every routing decision is too slow.
CREATE FUNCTION sms.tg_keep_phone_commitments() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.from_number IS NOT NULL THEN
        UPDATE sms.fresh_phone_commitments AS kept
        SET commitment = kept.commitment - 1, segments = kept.segments - OLD.estimated_segments
        WHERE kept.truncated_day = date_trunc('day', OLD.created_at, 'UTC') AND kept.phone_number = OLD.from_number;
        DELETE FROM sms.fresh_phone_commitments AS kept
        WHERE kept.truncated_day = date_trunc('day', OLD.created_at, 'UTC') AND kept.phone_number = OLD.from_number
            AND kept.commitment = 0;
    END IF;
    IF TG_OP <> 'DELETE' AND NEW.from_number IS NOT NULL THEN
        INSERT INTO sms.fresh_phone_commitments AS kept (truncated_day, phone_number, commitment, segments)
        VALUES (date_trunc('day', NEW.created_at, 'UTC'), NEW.from_number, 1, NEW.estimated_segments)
        ON CONFLICT (truncated_day, phone_number) DO UPDATE
        SET commitment = kept.commitment + 1, segments = kept.segments + EXCLUDED.segments;
    END IF;
    RETURN NULL;
END
$function$;

COMMENT ON FUNCTION sms.tg_keep_phone_commitments() IS 'Keeps fresh_phone_commitments equal to outbound_messages';

CREATE TRIGGER keep_phone_commitments_on_insert
AFTER INSERT ON sms.outbound_messages
FOR EACH ROW WHEN (NEW.from_number IS NOT NULL)
EXECUTE FUNCTION sms.tg_keep_phone_commitments();

CREATE TRIGGER keep_phone_commitments_on_update
AFTER UPDATE OF from_number, estimated_segments, created_at ON sms.outbound_messages
FOR EACH ROW
EXECUTE FUNCTION sms.tg_keep_phone_commitments();

CREATE TRIGGER keep_phone_commitments_on_delete
AFTER DELETE ON sms.outbound_messages
FOR EACH ROW WHEN (OLD.from_number IS NOT NULL)
EXECUTE FUNCTION sms.tg_keep_phone_commitments();
