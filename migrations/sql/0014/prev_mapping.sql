-- Which number of ours a person last heard from: asked for each new message, so that a conversation keeps its number.
-- A lookup by key instead of a search through three months of messages, and it outlives them.
CREATE TABLE sms.prev_mapping (
    sending_location_id uuid NOT NULL REFERENCES sms.sending_locations (id) ON DELETE CASCADE,
    to_number text NOT NULL,
    from_number text NOT NULL,
    last_used_at timestamptz NOT NULL,
    CONSTRAINT prev_mapping_pkey PRIMARY KEY (sending_location_id, to_number)
);

COMMENT ON TABLE sms.prev_mapping IS 'Which of our numbers a person last heard from; triggers keep it';
COMMENT ON COLUMN sms.prev_mapping.from_number IS 'Ours';

CREATE INDEX prev_mapping_from_number_idx ON sms.prev_mapping (from_number);

INSERT INTO sms.prev_mapping (sending_location_id, to_number, from_number, last_used_at)
SELECT DISTINCT ON (message.sending_location_id, message.to_number)
    message.sending_location_id, message.to_number, message.from_number, message.created_at
FROM sms.outbound_messages AS message
WHERE message.created_at >= now() - interval '3 months'
    AND message.sending_location_id IS NOT NULL
    AND EXISTS (
        SELECT FROM sms.phone_numbers AS owned
        WHERE owned.phone_number = message.from_number AND owned.released_at IS NULL
    )
ORDER BY message.sending_location_id, message.to_number, message.created_at DESC;

CREATE FUNCTION sms.tg_remember_mapping() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    INSERT INTO sms.prev_mapping AS kept (sending_location_id, to_number, from_number, last_used_at)
    VALUES (NEW.sending_location_id, NEW.to_number, NEW.from_number, NEW.created_at)
    ON CONFLICT (sending_location_id, to_number) DO UPDATE
    SET from_number = EXCLUDED.from_number, last_used_at = EXCLUDED.last_used_at
    WHERE kept.last_used_at <= EXCLUDED.last_used_at;
    RETURN NULL;
END
$function$;

COMMENT ON FUNCTION sms.tg_remember_mapping() IS 'Keeps prev_mapping at each person''s latest message';

CREATE TRIGGER remember_mapping
AFTER INSERT OR UPDATE OF from_number ON sms.outbound_messages
FOR EACH ROW WHEN (NEW.from_number IS NOT NULL AND NEW.sending_location_id IS NOT NULL)
EXECUTE FUNCTION sms.tg_remember_mapping();

CREATE FUNCTION sms.tg_forget_mappings() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    DELETE FROM sms.prev_mapping AS kept
    WHERE kept.from_number = NEW.phone_number AND kept.sending_location_id = NEW.sending_location_id;
    RETURN NULL;
END
$function$;

COMMENT ON FUNCTION sms.tg_forget_mappings() IS 'Takes a number that is no longer ours out of prev_mapping';

CREATE TRIGGER forget_mappings
AFTER UPDATE OF released_at ON sms.phone_numbers
FOR EACH ROW WHEN (NEW.released_at IS NOT NULL AND OLD.released_at IS NULL)
EXECUTE FUNCTION sms.tg_forget_mappings();
