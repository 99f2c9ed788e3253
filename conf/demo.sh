# The demo's nginx: keys, certificates, configuration, data; build.sh reads
# this.  RUN, DATA, ADMIN, REDIS and the like are build.sh's.

# shellcheck shell=bash
# shellcheck disable=SC2154

# A slice's demo.sh has a function demo_<slice> that prints SQL for a platform.

for slice in $(slices); do
    if [ -f "$ROOT/modules/$slice/demo.sh" ]; then
        # shellcheck source=modules/auth/demo.sh
        . "$ROOT/modules/$slice/demo.sh"
    fi
done

PLATFORMS=(national shandong transport)
declare -A CODE=([national]=000000 [shandong]=370000 [transport]=000018)

create_keys() {
    [ ! -f "$RUN/keys" ] || return 0

    (umask 077 && echo "1 $(openssl rand -hex 32)" >"$RUN/keys")
}

# The authority's key is gone as soon as it has signed: nobody can add a name.

create_certificates() {
    local names new=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc)

    if openssl x509 -noout -checkend 604800 -in "$RUN/tls.pem" >/dev/null 2>&1
    then
        return
    fi

    names=$(printf ',DNS:%s.localhost' "${PLATFORMS[@]}")
    (
        umask 077
        cd "$RUN"
        openssl req -x509 "${new[@]}" -keyout ca.key -out ca.pem -days 90 \
            -subj "/CN=ngx-zwfw demo, throw-away CA" \
            -addext keyUsage=critical,keyCertSign
        openssl req "${new[@]}" -keyout tls.key -out tls.csr \
            -subj "/CN=${PLATFORMS[0]}.localhost"
        openssl x509 -req -in tls.csr -CA ca.pem -CAkey ca.key -days 90 \
            -out tls.pem -extfile <(
                echo "basicConstraints=critical,CA:FALSE"
                echo "extendedKeyUsage=serverAuth"
                echo "subjectAltName=${names#,}")
        rm -f ca.key ca.srl tls.csr
        chmod 644 ca.pem
    ) >"$RUN/openssl.log" 2>&1 || die 6 "openssl failed, see $RUN/openssl.log"
}

# What nginx logs in with.  A private server knows it by its account; for
# another one, zwfw_web has a password, in a file that only the workers read.

web_conninfo() {
    local host port mode=

    if [ -z "${ZWFW_POSTGRES-}" ]; then
        echo "host=$SOCK user=zwfw_web"
        return
    fi

    read -r host port < <(psql -XqAt -d "$ADMIN dbname=$MAINTENANCE" \
        <<<'\echo :HOST :PORT')

    if [[ $host == /* ]]; then
        host="host=$host"

    else
        host="hostaddr=$(getent ahosts "$host" | awk '{ print $1; exit }')"
    fi

    if [[ $ADMIN =~ (^|[[:space:]])(sslmode=[a-z-]+) ]]; then
        mode=" ${BASH_REMATCH[2]}"
    fi

    echo "$host port=$port$mode user=zwfw_web passfile=$DATA/pgpass"
}

# Sets a password only where this demo made the role: others may use it.

create_web_password() {
    local password

    [ -n "${ZWFW_POSTGRES-}" ] && [ ! -f "$DATA/pgpass" ] || return 0

    if [ "$(sql "$MAINTENANCE" -c "SELECT count(*) FROM pg_roles
                                    WHERE rolname = 'zwfw_web'")" = 0 ]
    then
        password=$(openssl rand -hex 24)
        sql "$MAINTENANCE" <<SQL || die 5 "cannot create the role zwfw_web"
CREATE ROLE zwfw_web LOGIN PASSWORD '$password';
SQL
    fi

    (umask 077 && echo "*:*:*:zwfw_web:${password-}" >"$DATA/pgpass")
    ! root || chown "$WEB_USER" "$DATA/pgpass"

    [ -n "${password-}" ] \
        || say "zwfw_web was there before: write its password, if it has one," \
            "at the end of the line in $DATA/pgpass"
}

# Pages are read by the master, assets by the workers: a checkout that they
# cannot come to is copied.

prepare_folders() {
    local platform

    SITE=$ROOT
    mkdir -p "$DATA/tmp" "$DATA/spill"
    chmod 700 "$DATA/spill"
    ! root || chown "$WEB_USER" "$DATA/spill"

    if root && ! reachable "$ROOT/html"; then
        SITE=$DATA
        rm -rf "$DATA/html"
        cp -r --no-preserve=mode "$ROOT/html" "$DATA/html"
    fi

    for platform in "${PLATFORMS[@]}"; do
        mkdir -p "$DATA/files/$platform"
        chmod 700 "$DATA/files/$platform"
        ! root || chown "$WEB_USER" "$DATA/files/$platform"
    done
}

# Puts values for the words in ${...}; nginx's own variables are lower case.

write_configuration() {
    local text word so
    declare -A value=(
        [RUN]=$RUN [DATA]=$DATA [CONF]=$ROOT/conf
        [PORT]=${ZWFW_PORT:-8080} [TLS_PORT]=${ZWFW_TLS_PORT:-8443}
        [POSTGRES_WEB]=$(web_conninfo) [REDIS]=$REDIS
    )

    text=$(cat "$ROOT/conf/nginx.conf")

    for word in "${!value[@]}"; do
        text=${text//"\${ZWFW_$word}"/"${value[$word]}"}
    done

    echo "$text" >"$RUN/nginx.conf"
    {
        ! root || echo "user $WEB_USER;"

        for so in $(built); do
            echo "load_module $DIST/$so;"
        done
    } >"$RUN/main.conf"
}

# Each slice's demo.sql may run again and again.

load_demo() {
    local platform slice

    for platform in "${PLATFORMS[@]}"; do
        for slice in $(slices); do
            {
                cat "$ROOT/modules/$slice/demo.sql" 2>/dev/null || true

                if declare -F "demo_$slice" >/dev/null; then
                    "demo_$slice" "$platform" "$RUN/keys"
                fi
            } | sql "zwfw_$platform" -v platform="$platform" \
                -v code="${CODE[$platform]}" -f - >/dev/null \
                || die 5 "the demo data of $slice failed in zwfw_$platform"
        done
    done
}

nginx_runs() {
    ours "$RUN/nginx.pid" "$RUN/nginx.conf"
}

stop_nginx() {
    local pid

    nginx_runs || return 0

    pid=$(cat "$RUN/nginx.pid")
    kill -QUIT "$pid"

    if ! wait_until 10 ended "$pid"; then
        kill -TERM "$pid"
        wait_until 10 ended "$pid" || die 6 "nginx does not stop"
    fi

    say "nginx is stopped"
}

# A reload reads pages and configuration again, but never a new module.

start_nginx() {
    local sum command=("$NGINX" -p "$SITE/" -e "$RUN/error.log"
                       -c "$RUN/nginx.conf")

    "${command[@]}" -t -q >"$RUN/start.log" 2>&1 \
        || { cat "$RUN/start.log" >&2; die 6 "nginx refuses $RUN/nginx.conf"; }
    sum=$(cd "$DIST" && cat ./*.so | sha256sum)

    if nginx_runs && [ "$(cat "$RUN/modules.sum" 2>/dev/null)" = "$sum" ]; then
        kill -HUP "$(cat "$RUN/nginx.pid")"
        return
    fi

    stop_nginx
    "${command[@]}" >"$RUN/start.log" 2>&1 </dev/null 7>&- \
        || { cat "$RUN/start.log" >&2
             die 6 "nginx did not start; ZWFW_PORT and ZWFW_TLS_PORT move it"; }
    echo "$sum" >"$RUN/modules.sum"
}

platform_is_healthy() {
    curl -s -f -m 5 -o "$RUN/health.json" --cacert "$RUN/ca.pem" --noproxy '*' \
        "https://$1.localhost:${ZWFW_TLS_PORT:-8443}/api/health"
}

wait_for_health() {
    local platform

    for platform in "${PLATFORMS[@]}"; do
        wait_until 30 platform_is_healthy "$platform" \
            || { tail -n 5 "$RUN/error.log" >&2
                 die 6 "$platform is not healthy, see $RUN/error.log"; }
    done
}

# For people, and in .run/demo.json for programs.

print_demo() {
    local platform comma=

    {
        echo '{"ca": "ca.pem", "platforms": ['

        for platform in "${PLATFORMS[@]}"; do
            printf '%s{"name": "%s", "code": "%s",\n  "url": "%s",\n' \
                "$comma" "$platform" "${CODE[$platform]}" \
                "https://$platform.localhost:${ZWFW_TLS_PORT:-8443}"
            printf '  "insecure_url": "%s",\n  "accounts": %s}' \
                "http://$platform.localhost:${ZWFW_PORT:-8080}" \
                "$(demo_accounts_json "$platform")"
            comma=,$'\n'
        done

        echo ']}'
    } >"$RUN/demo.json"

    echo
    sed -n 's/.*"\(https*:.*\)".*/\1\//p' "$RUN/demo.json" | paste - -
    echo
    echo "accounts of shandong, password $DEMO_PASSWORD (all: $RUN/demo.json):"
    demo_accounts shandong | awk -F'|' '{ printf "  %-27s %-12s %s  %s\n",
        $4, $6 ? $6 : $2, $3, $7 (($2 == "natural") ? " (to apply with)" : "") }'
    echo
    echo "https is signed by $RUN/ca.pem, made for this demo only."
}
