CREATE FUNCTION sms.is_phone_number_overloaded(
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
        JOIN sms.fresh_phone_commitments AS kept ON kept.phone_number = owned.phone_number
        WHERE owned.phone_number = number
            AND owned.released_at IS NULL
            AND kept.truncated_day = date_trunc('day', at, 'UTC')
            AND kept.segments >= profile.daily_segment_limit
    )
$function$;

COMMENT ON FUNCTION sms.is_phone_number_overloaded(text, timestamptz)
IS 'Has this number of ours sent as many segments on that day (UTC) as its profile allows?';
