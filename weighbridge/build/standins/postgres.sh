#!/bin/bash
# Makes a database in an empty data folder as the variables say, runs what lies in /docker-entrypoint-initdb.d, and
# starts the server. Meanwhile a server listens on its socket alone, so whoever asks by TCP gets no answer too early.
set -eo pipefail # not -u: files of /docker-entrypoint-initdb.d may run in this shell

if [ "${1:0:1}" = "-" ]; then
    set -- postgres "$@"
fi
if [ "$1" != postgres ]; then
    exec "$@"
fi
mkdir -p "$PGDATA"
if [ "$(id -u)" = 0 ]; then
    chown -R postgres "$PGDATA"
    exec setpriv --reuid postgres --regid postgres --init-groups "$0" "$@"
fi
chmod 700 "$PGDATA"
if [ -s "$PGDATA/PG_VERSION" ]; then
    exec "$@"
fi

user=${POSTGRES_USER:-postgres}
method=${POSTGRES_HOST_AUTH_METHOD:-scram-sha-256}
if [ -z "${POSTGRES_PASSWORD:-}" ] && [ "$method" != trust ]; then
    echo "ERROR: set POSTGRES_PASSWORD, or POSTGRES_HOST_AUTH_METHOD to trust" >&2
    exit 1
fi
# `--pwfile` refuses an empty file, and without a password there is none to keep.
words=()
if [ -n "${POSTGRES_PASSWORD:-}" ]; then
    words=(--pwfile=/dev/fd/3)
fi
read -ra more <<< "${POSTGRES_INITDB_ARGS:-}"
initdb --username="$user" --auth-local=trust --auth-host=scram-sha-256 --no-sync "${words[@]}" "${more[@]}" \
    3< <(printf '%s\n' "${POSTGRES_PASSWORD:-}")
printf '\nhost all all all %s\n' "$method" >> "$PGDATA/pg_hba.conf"

export PGUSER=$user PGDATABASE=${POSTGRES_DB:-$user}
pg_ctl --wait --options="-c listen_addresses=''" start
if [ "$PGDATABASE" != postgres ]; then
    psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --set name="$PGDATABASE" --dbname postgres \
        <<< 'CREATE DATABASE :"name";'
fi
for file in /docker-entrypoint-initdb.d/*; do
    case "$file" in
        *.sh) if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
        *.sql) psql --no-psqlrc --set ON_ERROR_STOP=1 --file "$file" ;;
    esac
done
pg_ctl --wait --mode=fast stop
unset PGUSER PGDATABASE
exec "$@"
