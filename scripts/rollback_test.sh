#!/bin/sh
# Every revision of the worked example up, down and up again, on each TimescaleDB edition that is here or can be fetched.
set -u

status=0
editions=$(tsmigrate sandbox engines 2>/dev/null | grep -oE '^(apache|community) ' | sort -u)
for edition in ${editions:-apache}; do
    echo "== $edition"
    tsmigrate rollback-test --edition "$edition" --seed sample_rows:for_rollback_test "$@" || status=$?
done
exit "$status"
