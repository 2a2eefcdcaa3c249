CREATE FUNCTION sms.is_repeat_message(
    sender uuid, recipient text, content text, recent interval DEFAULT '1 hour'
) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
    latest sms.outbound_messages.created_at%TYPE;
BEGIN
    SELECT max(message.created_at) INTO latest
    FROM sms.outbound_messages AS message
    WHERE message.profile_id = sender
        AND message.to_number = recipient
        AND md5(message.body) = md5(content)
        AND message.stage <> 'failed';
    RETURN coalesce(latest > now() - recent, false);
END
$function$;

COMMENT ON FUNCTION sms.is_repeat_message(uuid, text, text, interval)
IS 'Has this body gone to this number from this profile recently? Asked before a message is accepted';
