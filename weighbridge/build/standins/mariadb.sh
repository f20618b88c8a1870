#!/bin/bash
# Makes a database in an empty data folder as the variables say, runs what lies in /docker-entrypoint-initdb.d, and
# starts the server. Meanwhile a server listens on its socket alone, so whoever asks by TCP gets no answer too early.
set -eo pipefail # not -u: files of /docker-entrypoint-initdb.d may run in this shell

if [ "${1:0:1}" = "-" ]; then
    set -- mariadbd "$@"
fi
if [ "$1" = mysqld ]; then
    set -- mariadbd "${@:2}"
fi
if [ "$1" != mariadbd ]; then
    exec "$@"
fi
data=/var/lib/mysql
if [ "$(id -u)" = 0 ]; then
    chown -R mysql "$data" /run/mysqld
    exec setpriv --reuid mysql --regid mysql --init-groups "$0" "$@"
fi
if [ -d "$data/mysql" ]; then
    exec "$@"
fi

# Both prefixes count, as in the official image; MARIADB_ goes first.
find_value() {
    local ours="MARIADB_$1" theirs="MYSQL_$1"
    printf '%s' "${!ours:-${!theirs:-}}"
}
# A text in quotes, for SQL.
quote() {
    local text=${1//\\/\\\\}
    printf "'%s'" "${text//\'/\'\'}"
}
# A name in backticks, for SQL.
name() {
    printf '`%s`' "${1//\`/\`\`}"
}

root=$(find_value ROOT_PASSWORD)
database=$(find_value DATABASE)
user=$(find_value USER)
password=$(find_value PASSWORD)
if [ -n "$(find_value RANDOM_ROOT_PASSWORD)" ]; then
    root=$(head -c 24 /dev/urandom | base64)
    echo "GENERATED ROOT PASSWORD: $root"
fi
empty=$(find_value ALLOW_EMPTY_ROOT_PASSWORD)$(find_value ALLOW_EMPTY_PASSWORD)
if [ -z "$root" ] && [ -z "$empty" ]; then
    echo "ERROR: set MARIADB_ROOT_PASSWORD, MARIADB_ALLOW_EMPTY_ROOT_PASSWORD or MARIADB_RANDOM_ROOT_PASSWORD" >&2
    exit 1
fi
mariadb-install-db --datadir="$data" --skip-test-db --auth-root-authentication-method=normal > /dev/null
socket=/run/mysqld/init.sock
mariadbd --skip-networking --socket="$socket" &
server=$!
client=(mariadb --no-defaults --protocol=socket --socket="$socket" --user=root)
until "${client[@]}" --execute 'SELECT 1' > /dev/null 2>&1; do
    kill -0 "$server"
    sleep 0.1
done
{
    if [ -n "$database" ]; then
        echo "CREATE DATABASE IF NOT EXISTS $(name "$database");"
    fi
    if [ -n "$user" ]; then
        echo "CREATE USER $(quote "$user")@'%' IDENTIFIED BY $(quote "$password");"
        if [ -n "$database" ]; then
            echo "GRANT ALL ON $(name "$database").* TO $(quote "$user")@'%';"
        fi
    fi
    echo "CREATE USER 'root'@'%' IDENTIFIED BY $(quote "$root");"
    echo "GRANT ALL ON *.* TO 'root'@'%' WITH GRANT OPTION;"
    echo "ALTER USER 'root'@'localhost' IDENTIFIED BY $(quote "$root");"
} | "${client[@]}"
export MYSQL_PWD=$root
for file in /docker-entrypoint-initdb.d/*; do
    case "$file" in
        *.sh) if [ -x "$file" ]; then "$file"; else . "$file"; fi ;;
        *.sql) "${client[@]}" ${database:+--database="$database"} < "$file" ;;
    esac
done
kill "$server"
wait "$server"
unset MYSQL_PWD
exec "$@"
