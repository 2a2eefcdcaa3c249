-- Days whose messages are all still there are counted from them, earlier ones are known to the aggregate alone.
DO $do$
DECLARE
    first_day timestamptz;
BEGIN
    IF to_regclass('sms.fresh_phone_commitments') IS NOT NULL THEN
        RETURN;
    END IF;

    LOCK TABLE sms.outbound_messages IN SHARE ROW EXCLUSIVE MODE; -- no message between the count and the triggers
    CREATE TABLE sms.fresh_phone_commitments (
        truncated_day timestamptz NOT NULL,
        phone_number text NOT NULL,
        commitment bigint NOT NULL,
        segments bigint NOT NULL,
        PRIMARY KEY (truncated_day, phone_number),
        CONSTRAINT fresh_phone_commitments_commitment_check CHECK (commitment >= 0)
    );
    COMMENT ON TABLE sms.fresh_phone_commitments
    IS 'What each of our numbers has sent or is about to send; a cache that triggers keep';
    COMMENT ON COLUMN sms.fresh_phone_commitments.truncated_day IS 'Midnight UTC at which the day begins';
    COMMENT ON COLUMN sms.fresh_phone_commitments.phone_number IS 'Ours';
    COMMENT ON COLUMN sms.fresh_phone_commitments.commitment IS 'Messages that day from that number';
    COMMENT ON COLUMN sms.fresh_phone_commitments.segments IS 'Their estimated segments';
    CREATE INDEX fresh_phone_commitments_phone_number_idx ON sms.fresh_phone_commitments (phone_number);

    SELECT date_trunc('day', min(message.created_at), 'UTC') INTO first_day FROM sms.outbound_messages AS message;
    INSERT INTO sms.fresh_phone_commitments (truncated_day, phone_number, commitment, segments)
    SELECT date_trunc('day', message.created_at, 'UTC'), message.from_number, count(*), sum(message.estimated_segments)
    FROM sms.outbound_messages AS message
    WHERE message.created_at >= first_day AND message.from_number IS NOT NULL
    GROUP BY 1, 2
    UNION ALL
    SELECT truncated_day, phone_number, commitment, segments
    FROM sms.phone_commitments_by_day
    WHERE truncated_day < coalesce(first_day, 'infinity');

    {triggers}

    CREATE OR REPLACE VIEW sms.phone_commitments AS
    SELECT truncated_day, phone_number, commitment, segments FROM sms.fresh_phone_commitments;
END
$do$;
