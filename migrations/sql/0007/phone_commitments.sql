-- Whoever reads what a number has sent reads this, whatever keeps it.
CREATE VIEW sms.phone_commitments AS
SELECT truncated_day, phone_number, commitment, segments FROM sms.fresh_phone_commitments;

COMMENT ON VIEW sms.phone_commitments IS 'What each of our numbers has sent or is about to send, by day (UTC)';

CREATE OR REPLACE FUNCTION sms.is_phone_number_overloaded(
    number text, at timestamptz DEFAULT now()
) RETURNS boolean
LANGUAGE sql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
    SELECT EXISTS (
        SELECT
        FROM sms.phone_numbers AS owned
        JOIN sms.sending_locations AS location ON location.id = owned.sending_location_id
        JOIN sms.profiles AS profile ON profile.id = location.profile_id
        JOIN sms.phone_commitments AS kept ON kept.phone_number = owned.phone_number
        WHERE owned.phone_number = number
            AND owned.released_at IS NULL
            AND kept.truncated_day >= date_trunc('day', at, 'UTC')
            AND kept.truncated_day < date_trunc('day', at, 'UTC') + interval '1 day'
            AND kept.segments >= profile.daily_segment_limit
    )
$function$;
