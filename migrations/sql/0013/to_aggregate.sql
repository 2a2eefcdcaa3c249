-- Where the aggregate was left out (tsmigrate.on_unsupported = skip), the cache stays, and so do the triggers that keep it.
DO $do$
BEGIN
    IF to_regclass('sms.phone_commitments_by_day') IS NULL THEN
        RETURN;
    END IF;

    CREATE OR REPLACE VIEW sms.phone_commitments AS
    SELECT truncated_day, phone_number, commitment, segments FROM sms.phone_commitments_by_day;

    DROP TRIGGER keep_phone_commitments_on_delete ON sms.outbound_messages;
    DROP TRIGGER keep_phone_commitments_on_update ON sms.outbound_messages;
    DROP TRIGGER keep_phone_commitments_on_insert ON sms.outbound_messages;
    DROP FUNCTION sms.tg_keep_phone_commitments();
    DROP TABLE sms.fresh_phone_commitments;
END
$do$;
