#!/bin/sh
# The main job on a throwaway database: a plain schema with rows, taken as far as this version goes.
set -eu
cd "$(dirname "$0")/.."

say() { printf '\n\033[1m$ %s\033[0m\n' "$*"; }
run() { say "$@"; "$@"; }

tsmigrate sandbox down --name demo 2>/dev/null
say tsmigrate sandbox up --name demo
TSMIGRATE_URL=$(tsmigrate sandbox up --name demo)
export TSMIGRATE_URL
echo "$TSMIGRATE_URL"

run tsmigrate doctor
run alembic upgrade 0001
run python migrations/sample_rows.py --messages "${MESSAGES:-10000}"
run alembic upgrade head
run alembic current
run tsmigrate sandbox psql --name demo -c 'SELECT hypertable_name, num_chunks FROM timescaledb_information.hypertables'

printf '\nThe sandbox still runs. Look around:  tsmigrate sandbox psql --name demo\n'
printf 'Take it away:                         tsmigrate sandbox down --name demo\n'
