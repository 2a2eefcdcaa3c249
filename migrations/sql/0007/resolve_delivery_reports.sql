-- A carrier reports within minutes, or hours when it retries: three days are a loose bound, and spare all older chunks.
CREATE OR REPLACE FUNCTION sms.tg_resolve_delivery_report() RETURNS trigger
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    SELECT telco.id INTO NEW.message_id
    FROM sms.outbound_messages_telco AS telco
    WHERE telco.service_id = NEW.service_id
        AND telco.original_created_at >= NEW.created_at - interval '3 days'
    ORDER BY telco.original_created_at DESC
    LIMIT 1;
    RETURN NEW;
END
$function$;

-- The reports of the last three days, and the messages of the three days before each. An id alone would lead to every
-- chunk, so the write carries the report's time along, and says again how far back it goes.
CREATE OR REPLACE FUNCTION sms.resolve_delivery_reports(batch integer DEFAULT 10000) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    resolved integer;
BEGIN
    WITH resolvable AS (
        SELECT report.id, report.created_at, telco.id AS message_id
        FROM sms.delivery_reports AS report
        JOIN sms.outbound_messages_telco AS telco
            ON telco.service_id = report.service_id
            AND telco.original_created_at >= report.created_at - interval '3 days'
        WHERE report.message_id IS NULL
            AND report.created_at >= now() - interval '3 days'
            AND telco.original_created_at >= now() - interval '6 days'
        ORDER BY report.created_at
        LIMIT batch
        FOR UPDATE OF report SKIP LOCKED
    )
    UPDATE sms.delivery_reports AS report
    SET message_id = resolvable.message_id
    FROM resolvable
    WHERE report.id = resolvable.id
        AND report.created_at = resolvable.created_at
        AND report.created_at >= now() - interval '3 days';
    GET DIAGNOSTICS resolved = ROW_COUNT;
    RETURN resolved;
END
$function$;

-- By hand, after a carrier's outage. Each call plans anew with the window it is given, so that both tables are read in
-- that window only. It takes no row locks in advance: rows in the columnstore cannot be locked.
CREATE FUNCTION sms.backfill_delivery_reports(
    since timestamptz, until timestamptz, batch integer DEFAULT 10000
) RETURNS integer
LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_custom_plan
AS $function$
DECLARE
    resolved integer;
BEGIN
    WITH resolvable AS (
        SELECT report.id, report.created_at, telco.id AS message_id
        FROM sms.delivery_reports AS report
        JOIN sms.outbound_messages_telco AS telco
            ON telco.service_id = report.service_id
            AND telco.original_created_at <= report.created_at
        WHERE report.message_id IS NULL
            AND report.created_at >= since AND report.created_at < until
            AND telco.original_created_at >= since - interval '30 days' AND telco.original_created_at < until
        ORDER BY report.created_at
        LIMIT batch
    )
    UPDATE sms.delivery_reports AS report
    SET message_id = resolvable.message_id
    FROM resolvable
    WHERE report.id = resolvable.id
        AND report.created_at = resolvable.created_at
        AND report.created_at >= since AND report.created_at < until;
    GET DIAGNOSTICS resolved = ROW_COUNT;
    RETURN resolved;
END
$function$;

COMMENT ON FUNCTION sms.backfill_delivery_reports(timestamptz, timestamptz, integer)
IS 'Resolves reports of that window against messages up to 30 days older; returns how many. Repeat until it is 0';
