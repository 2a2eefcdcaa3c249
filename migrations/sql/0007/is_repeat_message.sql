-- What is recent is asked of the index and the newest chunks, no longer of the latest message ever.
CREATE OR REPLACE FUNCTION sms.is_repeat_message(
    sender uuid, recipient text, content text, recent interval DEFAULT '1 hour'
) RETURNS boolean
LANGUAGE plpgsql STABLE
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
    RETURN EXISTS (
        SELECT
        FROM sms.outbound_messages AS message
        WHERE message.profile_id = sender
            AND message.to_number = recipient
            AND md5(message.body) = md5(content)
            AND message.stage <> 'failed'
            AND message.created_at > now() - recent
    );
END
$function$;
