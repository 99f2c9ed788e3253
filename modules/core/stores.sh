# Private PostgreSQL and Redis; build.sh reads this, and place() has said where
# they live: RUN, DATA, SOCK, STORE_USER, WEB_USER.

# shellcheck shell=bash
# shellcheck disable=SC2154,SC2034 # build.sh's

store_folder() {
    mkdir -p "$DATA/$1"
    chmod 700 "$DATA/$1"
    ! root || chown "$STORE_USER" "$DATA/$1"
}

pg() {
    local name=$1

    shift
    as_store "/usr/lib/postgresql/$(server_version)/bin/$name" "$@"
}

# The caller may log in as anybody there, nginx's workers as zwfw_web only.

write_pg_access() {
    local user callers

    callers=$(printf '%s\n' "$(id -un)" "$STORE_USER" | sort -u)
    echo "local all all peer map=zwfw" \
        | as_store tee "$DATA/pg/pg_hba.conf" >/dev/null
    {
        for user in $callers; do
            echo "zwfw $user postgres"
        done

        for user in $callers "$WEB_USER" nobody; do
            echo "zwfw $user zwfw_web"
        done
    } | sort -u | as_store tee "$DATA/pg/pg_ident.conf" >/dev/null
}

create_postgres() {
    say "creating a private PostgreSQL in $DATA/pg"
    pg initdb -D "$DATA/pg" -U postgres -E UTF8 --locale=C.UTF-8 -A peer \
        --no-instructions >"$RUN/initdb.log" 2>&1 \
        || die 6 "initdb failed, see $RUN/initdb.log"
    write_pg_access
}

start_postgres() {
    if pg pg_ctl -D "$DATA/pg" status >/dev/null 2>&1 \
       && ours "$DATA/pg/postmaster.pid" "$DATA/pg"
    then
        return
    fi

    store_folder pg
    [ -f "$DATA/pg/PG_VERSION" ] || create_postgres

    pg pg_ctl -D "$DATA/pg" -w -t 60 -s -l "$DATA/pg/server.log" \
        -o "-c listen_addresses= -c unix_socket_directories=$SOCK \
            -c max_connections=200 -c timezone=Asia/Shanghai" start \
        </dev/null >/dev/null 2>&1 7>&- \
        || die 6 "PostgreSQL did not start, see $DATA/pg/server.log"
    say "PostgreSQL is up ($SOCK)"
}

redis() {
    redis-cli -s "$SOCK/redis.sock" "$@"
}

redis_answers() {
    [ "$(redis ping 2>/dev/null)" = PONG ]
}

# Sessions and counters only: nothing in it must outlive a restart.

start_redis() {
    if redis_answers; then
        return
    fi

    store_folder redis
    as_store redis-server --port 0 --unixsocket "$SOCK/redis.sock" \
        --unixsocketperm 777 --dir "$DATA/redis" --save '' --appendonly no \
        --maxmemory 256mb --maxmemory-policy noeviction --daemonize yes \
        --pidfile "$DATA/redis/redis.pid" --logfile "$DATA/redis/redis.log" \
        </dev/null >/dev/null 2>&1 7>&- \
        || die 6 "Redis did not start, see $DATA/redis/redis.log"
    wait_until 10 redis_answers \
        || die 6 "Redis does not answer, see $DATA/redis/redis.log"
    say "Redis is up ($SOCK/redis.sock)"
}

stop_stores() {
    local pid

    if ours "$DATA/redis/redis.pid" "$SOCK/redis.sock"; then
        pid=$(cat "$DATA/redis/redis.pid")
        redis shutdown nosave >/dev/null 2>&1 || true
        wait_until 10 ended "$pid" \
            || die 6 "Redis did not stop, see $DATA/redis/redis.log"
        say "Redis is stopped"
    fi

    if ours "$DATA/pg/postmaster.pid" "$DATA/pg"; then
        pid=$(head -n 1 "$DATA/pg/postmaster.pid")
        pg pg_ctl -D "$DATA/pg" -m fast -w -t 60 stop >/dev/null \
            || pg pg_ctl -D "$DATA/pg" -m immediate -w stop >/dev/null \
            || die 6 "PostgreSQL did not stop, see $DATA/pg/server.log"
        wait_until 10 ended "$pid" \
            || die 6 "PostgreSQL did not stop, see $DATA/pg/server.log"
        say "PostgreSQL is stopped"
    fi
}

# ADMIN is the login that migrates, REDIS the address for nginx.

connect() {
    MAINTENANCE=postgres

    if [ -n "${ZWFW_POSTGRES-}" ]; then
        ADMIN=$ZWFW_POSTGRES
        [[ $ADMIN != *://* ]] \
            || die 2 "ZWFW_POSTGRES takes words like host=… user=…, no URL"

        if [[ $ADMIN =~ (^|[[:space:]])dbname=([a-z0-9_]+) ]]; then
            MAINTENANCE=${BASH_REMATCH[2]}
        fi

    elif installed; then
        ADMIN=                  # as psql finds it

    else
        start_postgres
        ADMIN="host=$SOCK user=postgres"
    fi

    sql "$MAINTENANCE" -c 'SELECT' || die 5 "no answer from PostgreSQL"
}

connect_redis() {
    REDIS=${ZWFW_REDIS-}

    if [ -z "$REDIS" ]; then
        start_redis
        REDIS=unix:$SOCK/redis.sock
    fi
}
