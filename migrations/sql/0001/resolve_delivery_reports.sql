-- A carrier's report names the message by the carrier's own id, which only outbound_messages_telco knows.
CREATE FUNCTION sms.tg_resolve_delivery_report() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    SELECT telco.id INTO NEW.message_id
    FROM sms.outbound_messages_telco AS telco
    WHERE telco.service_id = NEW.service_id;
    RETURN NEW;
END
$function$;

COMMENT ON FUNCTION sms.tg_resolve_delivery_report() IS 'Fills message_id of a new delivery report, where it is known yet';

CREATE TRIGGER resolve_delivery_report
BEFORE INSERT ON sms.delivery_reports
FOR EACH ROW WHEN (NEW.message_id IS NULL)
EXECUTE FUNCTION sms.tg_resolve_delivery_report();

-- Joined before it is limited: reports that will never resolve must not fill every batch.
CREATE FUNCTION sms.resolve_delivery_reports(batch integer DEFAULT 10000) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    resolved integer;
BEGIN
    WITH resolvable AS (
        SELECT report.id, telco.id AS message_id
        FROM sms.delivery_reports AS report
        JOIN sms.outbound_messages_telco AS telco ON telco.service_id = report.service_id
        WHERE report.message_id IS NULL
        ORDER BY report.created_at
        LIMIT batch
        FOR UPDATE OF report SKIP LOCKED
    )
    UPDATE sms.delivery_reports AS report
    SET message_id = resolvable.message_id
    FROM resolvable
    WHERE report.id = resolvable.id;
    GET DIAGNOSTICS resolved = ROW_COUNT;
    RETURN resolved;
END
$function$;

COMMENT ON FUNCTION sms.resolve_delivery_reports(integer)
IS 'Resolves reports that came before their message was known to be sent; returns how many. Run every minute';
