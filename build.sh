#!/usr/bin/env bash
#
# Builds, runs and tests ngx-zwfw.  ./build.sh help lists the commands.

# shellcheck disable=SC2119,SC2120 # options are for the command line

set -euo pipefail
umask 022
export LC_ALL=C.UTF-8
PATH=$PATH:/usr/sbin:/sbin

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
BUILD=$ROOT/.build
DIST=$ROOT/dist
DEBIAN_SRC=/usr/share/nginx/src


BUILD_PACKAGES=(gcc make libc6-dev binutils nginx nginx-dev libhiredis-dev
    libpq-dev libyajl-dev libssl-dev)
RUN_PACKAGES=(postgresql redis-server openssl curl perl)
TEST_PACKAGES=(postgresql-plpgsql-check libnginx-mod-http-headers-more-filter
    clang libclang-rt-dev lintian debootstrap valgrind git)
ANALYZE_PACKAGES=(gcc clang-tidy cppcheck)
BENCH_PACKAGES=(wrk nghttp2-client libnginx-mod-http-lua lua-nginx-redis
    lua-cjson)
PACKAGE_PACKAGES=(dpkg-dev)
BROWSER_PACKAGES=(chromium-headless-shell fonts-noto-cjk nodejs npm)

say() {
    printf '%s\n' "$*" >&2
}

die() {
    local code=$1

    shift
    say "build.sh: $*"
    exit "$code"
}

root() {
    [ "$EUID" -eq 0 ]
}

# the words of "order" whose folder is there

slices() {
    local slice

    while read -r slice; do
        [ ! -f "$ROOT/modules/$slice/config" ] || echo "$slice"
    done <"$ROOT/modules/order"
}

# shellcheck source=modules/core/stores.sh
. "$ROOT/modules/core/stores.sh"
# shellcheck source=modules/core/migrate.sh
. "$ROOT/modules/core/migrate.sh"
# shellcheck source=modules/core/backup.sh
. "$ROOT/modules/core/backup.sh"
# shellcheck source=modules/core/install.sh
. "$ROOT/modules/core/install.sh"
# shellcheck source=modules/core/package.sh
. "$ROOT/modules/core/package.sh"

# an installation has no demo and no tests

if [ -f "$ROOT/t/tools.sh" ]; then
    # shellcheck source=t/tools.sh
    . "$ROOT/t/tools.sh"
fi

if [ -f "$ROOT/conf/demo.sh" ]; then
    # shellcheck source=conf/demo.sh
    . "$ROOT/conf/demo.sh"
fi

# ---- packages ----

server_version() {
    find /usr/lib/postgresql -mindepth 1 -maxdepth 1 -printf '%f\n' \
        2>/dev/null | sort -V | tail -n 1
}

# A package stands for a command that may have come from elsewhere, too.

present() {
    case $1 in
    nodejs)
        command -v node >/dev/null && return
        ;;
    perl)
        command -v prove >/dev/null && return
        ;;
    npm|chromium-headless-shell|gcc|clang|make|curl|openssl|git)
        command -v "$1" >/dev/null && return
        ;;
    nginx)
        [ -n "${NGINX-}" ] && return
        ;;
    nginx-dev)
        [ -n "${NGINX_SRC-}" ] && return
        ;;
    esac

    [ "$(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# The names of what is missing for the groups: build, run, test, bench, package.

missing() {
    local group package packages=()

    for group in "$@"; do
        case $group in
        build)
            packages+=("${BUILD_PACKAGES[@]}")
            ;;
        run)
            packages+=("${RUN_PACKAGES[@]}")
            ;;
        test)
            packages+=("${TEST_PACKAGES[@]}" "${ANALYZE_PACKAGES[@]}")
            [ ! -d "$ROOT/t/browser" ] || packages+=("${BROWSER_PACKAGES[@]}")
            [ ! -d "$ROOT/t/bench" ] || packages+=("${BENCH_PACKAGES[@]}")
            ;;
        analyze)
            packages+=("${ANALYZE_PACKAGES[@]}")
            ;;
        bench)
            packages+=("${BENCH_PACKAGES[@]}")
            ;;
        package)
            packages+=("${PACKAGE_PACKAGES[@]}")
            ;;
        esac
    done

    for package in "${packages[@]}"; do
        if [ "$package" = postgresql-plpgsql-check ]; then
            package=postgresql-$(apt_server_version)-plpgsql-check
        fi

        present "$package" || echo "$package"
    done
}

# of the server that is installed, or that apt would install

apt_server_version() {
    local version

    version=$(server_version)

    if [ -z "$version" ]; then
        version=$(apt-cache depends postgresql 2>/dev/null \
            | sed -n 's/.*Depends: postgresql-\([0-9]*\)$/\1/p' | head -n 1)
    fi

    echo "${version:-15}"
}

need() {
    local list sudo=()

    command -v dpkg-query >/dev/null \
        || die 3 "this is not Debian: install what build.sh names at its top"

    list=$(missing "$@" | tr '\n' ' ')
    [ -n "$list" ] || return 0

    if ! root; then
        if ! command -v sudo >/dev/null \
           || { [ ! -t 0 ] && ! sudo -n true 2>/dev/null; }
        then
            die 3 "missing packages.  As root: apt-get install $list"
        fi

        sudo=(sudo)
    fi

    say "installing: $list"
    mkdir -p "$BUILD"
    # shellcheck disable=SC2086 # a list of words
    {
        "${sudo[@]}" apt-get update -q
        "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get install -q -y --no-install-recommends $list
    } >"$BUILD/apt.log" 2>&1 </dev/null \
        || die 3 "apt failed, see $BUILD/apt.log.  Missing: $list"
}

need_npm() {
    local sum from=$ROOT/t/browser/package.json

    [ -f "$from" ] || return 0

    mkdir -p "$BUILD/npm"
    sum=$(sha256sum <"$from")
    (
        flock 9
        cd "$BUILD/npm"
        [ "$(cat installed 2>/dev/null)" != "$sum" ] || exit 0

        say "installing the npm packages of t/browser"
        cp "$from" .
        npm install --no-audit --no-fund --no-package-lock --ignore-scripts \
            >"$BUILD/npm.log" 2>&1 </dev/null \
            || die 3 "npm failed, see $BUILD/npm.log"
        echo "$sum" >installed
    ) 9>"$BUILD/npm.lock" || exit
}

# Everything that is missing is told at once.

PROBLEMS=()

problem() {
    PROBLEMS+=("$*")
}

report_problems() {
    [ ${#PROBLEMS[@]} -gt 0 ] || return 0

    printf 'build.sh: %s\n' "${PROBLEMS[@]}" >&2
    exit 3
}

preflight() {
    local list

    list=$(missing build | tr '\n' ' ')
    [ -z "$list" ] || problem "missing packages.  As root: apt-get install $list"
    find_nginx
    find_source
    report_problems
}

cmd_deps() {
    if [ "${1-}" = --dry-run ]; then
        missing build run test package
        return
    fi

    need build run test package
    need_npm
    say "deps: all packages are here"
}

# ---- modules ----

find_nginx() {
    local word

    NGINX_ABOUT=
    NGINX_VERSION=
    NGINX=${NGINX:-$(command -v nginx || true)}

    if [ ! -x "$NGINX" ]; then
        problem "there is no nginx${NGINX:+ in $NGINX}; NGINX says where"
        return
    fi

    NGINX_ABOUT=$("$NGINX" -V 2>&1)
    NGINX_VERSION=$(sed -n 's|^nginx version: nginx/\([0-9.]*\).*|\1|p' \
        <<<"$NGINX_ABOUT")

    for word in compat threads; do
        [[ " $NGINX_ABOUT " == *" --with-$word "* ]] \
            || problem "$NGINX was built without --with-$word"
    done
}

package_version() {
    dpkg-query -W -f='${Version}' "$1" 2>/dev/null || true
}

# its version where this very nginx is Debian's

nginx_package() {
    ! dpkg-query -S "$(readlink -f "$NGINX")" >/dev/null 2>&1 \
        || package_version nginx
}

nginx_identity() {
    local package

    package=$(nginx_package)
    echo "nginx $NGINX_VERSION ${package:-none}"
}

# Whose headers: a tree of the same version may have other bits at their places,
# which nginx does not see.

headers_identity() {
    if [ "$SRC" = "$(readlink -f "$DEBIAN_SRC")" ]; then
        echo "nginx-dev $(package_version nginx-dev)"

    else
        echo "tree $(cd "$SRC" && find src -name '*.h' | LC_ALL=C sort \
            | xargs cat | sha256sum | cut -c 1-64)"
    fi
}

# Finds the tree with the headers of exactly this nginx, and its flags.

find_source() {
    local version word

    FLAGS=()
    SRC=${NGINX_SRC:-$DEBIAN_SRC}

    if [ ! -f "$SRC/src/core/nginx.h" ]; then
        problem "there is no nginx tree in $SRC: install nginx-dev, or" \
            "NGINX_SRC says where"
        return
    fi

    SRC=$(cd "$SRC" && pwd -P)
    version=$(sed -n 's/^#define NGINX_VERSION *"\(.*\)"/\1/p' \
        "$SRC/src/core/nginx.h")

    if [ -n "$NGINX_VERSION" ] && [ "$version" != "$NGINX_VERSION" ]; then
        problem "$SRC is nginx $version, but $NGINX is $NGINX_VERSION"
    fi

    if [ -z "${NGINX_SRC-}" ]; then
        [ -z "$NGINX_VERSION" ] || [ -n "$(nginx_package)" ] \
            || problem "$NGINX is not Debian's, as nginx-dev is: NGINX_SRC" \
                "says where its tree is"
        [ "$(package_version nginx)" = "$(package_version nginx-dev)" ] \
            || problem "nginx $(package_version nginx) needs the nginx-dev of" \
                "the very same version: apt-get install nginx nginx-dev"

        # shellcheck disable=SC1091 # of nginx-dev
        . "$SRC/conf_flags"
        FLAGS=("${NGX_CONF_FLAGS[@]}")
        return
    fi

    for word in compat threads debug http_ssl_module http_v2_module \
                http_v3_module http_realip_module
    do
        [[ " $NGINX_ABOUT " != *" --with-$word "* ]] \
            || FLAGS+=("--with-$word")
    done
}

# Checks that a tool leaves out, each behind these signs.

left_out() {
    local tool check

    while read -r tool check _; do
        [ "$tool" != "$1" ] || printf '%s%s' "$2" "$check"
    done <"$ROOT/t/data/analyze/checks"
}

# How to compile, for what.

profile_flags() {
    CC_OPT="-g -fPIC -W -Wall -Wextra -Werror -Wno-unused-parameter"
    LD_OPT="-Wl,-z,relro -Wl,-z,now -Wl,-Bsymbolic-functions"

    case $PROFILE in
    release)
        CC_OPT+=" -O2 -fstack-protector-strong -D_FORTIFY_SOURCE=2"
        ;;
    debug)
        CC_OPT+=" -O0"
        ;;
    coverage)
        CC_OPT+=" -O0 --coverage -fprofile-update=atomic"
        LD_OPT+=" --coverage"
        ;;
    asan)
        CC_OPT+=" -O1 -fno-omit-frame-pointer -fsanitize=address,undefined"
        CC_OPT+=$(left_out ubsan ' -fno-sanitize=')
        # what is told when a worker ends has names only while modules are there
        LD_OPT+=" -fsanitize=address,undefined -Wl,-z,nodelete"
        ;;
    analyzer)
        CC_OPT+=" -O2 -fanalyzer$(left_out gcc ' -Wno-')"
        ;;
    *)
        die 2 "there is no profile $PROFILE:" \
            "release, debug, coverage, asan or analyzer"
        ;;
    esac
}

# What makes an earlier configuration useless when it changes.  The Makefile has
# absolute paths: in a copy of this folder it would build the old one's sources.

build_key() {
    {
        echo "$ROOT $BUILD"
        echo "$SRC $NGINX $NGINX_ABOUT ${FLAGS[*]} $CC_OPT $LD_OPT"
        chosen
        package_version nginx-dev
        "${CC:-cc}" --version
        cd "$ROOT/modules"
        cat config order core/*.map
        find . -name config -exec cat {} +
        find . -name '*.[ch]' | sort
        public_names
    } 2>/dev/null | sha256sum
}

configure() {
    local key

    key=$(build_key)
    [ "$(cat "$BUILD/key" 2>/dev/null)" != "$key" ] || return 0

    say "configuring for $NGINX $NGINX_VERSION ($SRC)"
    rm -rf "$BUILD/nginx" "$BUILD/key"

    (
        cd "$SRC"
        configure=./configure
        [ -x "$configure" ] || configure=auto/configure
        # leaks of its little programs are no news
        export ASAN_OPTIONS=detect_leaks=0
        ZWFW_MODULES=$(chosen) $configure --builddir="$BUILD/nginx" --with-cc-opt="$CC_OPT" \
            --with-ld-opt="$LD_OPT" "${FLAGS[@]}" \
            --add-dynamic-module="$ROOT/modules"
    ) >"$BUILD/configure.log" 2>&1 \
        || { tail -n 20 "$BUILD/configure.log" >&2
             die 4 "configure failed, see $BUILD/configure.log"; }

    echo "$key" >"$BUILD/key"
}

# The slices to build: all, or those of --modules, in their order.

chosen() {
    local slice

    for slice in $(slices); do
        [ -n "${CHOSEN-}" ] && [[ ,$CHOSEN, != *,"$slice",* ]] || echo "$slice"
    done
}

check_chosen() {
    local slice

    [ -n "${CHOSEN-}" ] || return 0
    [[ ,$CHOSEN, == *,core,* ]] || die 2 "no slice runs without core"

    for slice in ${CHOSEN//,/ }; do
        grep -qx "$slice" <<<"$(slices)" \
            || die 2 "there is no slice $slice: $(slices | tr '\n' ' ')"
    done
}

built() {
    local slice

    for slice in $(chosen); do
        echo "ngx_http_zwfw_${slice}_module.so"
    done
}

# A running nginx maps the old file: it is replaced, never written over.

publish() {
    local from=$1 to=$2

    if ! cmp -s "$from" "$to"; then
        cp "$from" "$to.new"
        mv "$to.new" "$to"
    fi
}

# what slices may use: modules/core/config has the linker export no more

public_names() {
    grep -ohE '\<(ngx_http_)?zwfw_[a-z0-9_]+\>' \
        "$ROOT"/modules/core/{ngx_http_zwfw,zwfw_json,zwfw_field,zwfw_mem}.h \
        | sort -u
}

check_symbols() {
    local so=$1 names name own

    names=$(nm -D --defined-only --format=posix "$so" | cut -d' ' -f1)

    for name in ngx_modules ngx_module_names ngx_module_order; do
        grep -qx "$name" <<<"$names" || die 4 "$so does not export $name"
    done

    own='^ngx_module(s|_names|_order)$'

    if [[ $so == *_core_module.so ]]; then
        own+='|^('$(public_names | paste -sd '|')')$'
        grep -q '^ngx_http_zwfw_abi_' <<<"$names" \
            || die 4 "$so does not export its ABI number"
    fi

    names=$(grep -vE "$own" <<<"$names" || true)
    [ -z "$names" ] || die 4 "$so exports $names"

    if readelf -d "$so" | grep -E 'NEEDED.*lib(hiredis|yajl)' >&2; then
        die 4 "$so needs a library that must be linked statically"
    fi
}

# Loads them in order, as nginx will, without touching any of its files.

check_load() {
    local so dir=$BUILD/load

    mkdir -p "$dir/logs"
    {
        for so in $(built); do
            echo "load_module $DIST/$so;"
        done

        echo "error_log stderr;"
        echo "pid $dir/nginx.pid;"
        echo "events { }"
        echo "http {"
        echo "    access_log off;"

        for so in client_body proxy fastcgi uwsgi scgi; do
            echo "    ${so}_temp_path $dir/$so;"
        done

        echo "}"
    } >"$dir/nginx.conf"

    "$NGINX" -t -p "$dir/" -e stderr -c "$dir/nginx.conf" \
        >"$BUILD/load.log" 2>&1 \
        || { cat "$BUILD/load.log" >&2; die 4 "nginx does not load them"; }
}

write_manifest() {
    local so

    {
        nginx_identity
        echo "headers $(headers_identity)"
        echo "signature $(grep -aohE '[0-9],[0-9],[0-9],[01]{30,}' \
            "$DIST/$(built | head -n 1)" | head -n 1)"
        echo "profile $PROFILE"
        echo "modules $(chosen | tr '\n' ' ')"
        echo "commit $(git -C "$ROOT" rev-parse -q --verify HEAD \
            2>/dev/null || echo none)"
        "${CC:-cc}" --version | head -n 1
        openssl version 2>/dev/null || true
        cd "$DIST"

        for so in $(built); do
            sha256sum "$so"
        done
    } >"$DIST/MANIFEST"
}

# Public headers and the linker's map, for slices out of this tree.

publish_headers() {
    local file

    mkdir -p "$DIST/include"

    for file in ngx_http_zwfw.h zwfw_json.h zwfw_field.h zwfw_mem.h slice.map
    do
        publish "$ROOT/modules/core/$file" "$DIST/include/$file"
    done
}

# Symbols for debuggers stand beside a module that is to be installed.

split_debug() {
    local so=$1

    objcopy --only-keep-debug "$so" "$so.debug"
    objcopy --strip-unneeded --add-gnu-debuglink="$so.debug" "$so" "$so.small"
}

cmd_modules() {
    local so dry=

    PROFILE=${PROFILE:-release}
    CHOSEN=
    [ -z "${SANITIZE-}" ] || PROFILE=asan

    while [ $# -gt 0 ]; do
        case $1 in
        --modules=*)
            CHOSEN=${1#*=}
            ;;
        --profile=*)
            PROFILE=${1#*=}
            ;;
        --dry-run)
            dry=1
            ;;
        *)
            die 2 "modules [--modules=core,...] [--profile=...] [--dry-run]"
            ;;
        esac
        shift
    done

    # nginx's configure takes it apart at spaces, make at some others

    [[ $ROOT =~ ^[[:alnum:]/._+@-]+$ ]] \
        || die 2 "$ROOT: nginx cannot be built in a path with such" \
            "characters, move this folder"

    profile_flags
    check_chosen
    preflight

    if [ -n "$dry" ]; then
        say "would build for $NGINX $NGINX_VERSION ($SRC), $PROFILE: $CC_OPT"
        built
        return
    fi

    mkdir -p "$BUILD" "$DIST"
    exec 8>"$BUILD/lock"
    flock 8
    configure

    if ! make -C "$SRC" -f "$BUILD/nginx/Makefile" modules -s -k \
        -j "${JOBS:-$(nproc)}" >"$BUILD/make.log" 2>&1 8>&-
    then
        grep -E 'error|undefined|\*\*\*' -A 3 "$BUILD/make.log" >&2 \
            || tail -n 30 "$BUILD/make.log" >&2
        die 4 "the build failed, see $BUILD/make.log"
    fi

    for so in "$DIST"/*.so; do
        grep -qx "${so##*/}" <<<"$(built)" || rm -f "$so" "$so.debug"
    done

    for so in $(built); do
        check_symbols "$BUILD/nginx/$so"

        if [ "$PROFILE" = release ]; then
            split_debug "$BUILD/nginx/$so"
            publish "$BUILD/nginx/$so.debug" "$DIST/$so.debug"
            publish "$BUILD/nginx/$so.small" "$DIST/$so"

        else
            rm -f "$DIST/$so.debug"
            publish "$BUILD/nginx/$so" "$DIST/$so"
        fi
    done

    publish_headers
    [ "$PROFILE" != asan ] || sanitized_nginx   # t/tools.sh
    check_load
    write_manifest
    exec 8>&-
    say "modules: $(built | wc -l) in $DIST, loaded by nginx $NGINX_VERSION"
}

# ---- where an instance keeps its things ----

# An instance is the demo (.run) or a set of stores for tests.  RUN is its
# folder; DATA is where the accounts of PostgreSQL and of nginx's workers can
# come to as well; SOCK is short enough for a unix socket.

reachable() {
    local user

    for user in "$STORE_USER" "$WEB_USER"; do
        runuser -u "$user" -- test -x "$1" || return 1
    done
}

place() {
    local key

    mkdir -p "$1"
    RUN=$(cd "$1" && pwd -P)
    DATA=$RUN
    STORE_USER=$(id -un)
    WEB_USER=$STORE_USER
    key=$(sha256sum <<<"$RUN" | cut -c 1-12)

    if root; then
        STORE_USER=postgres
        WEB_USER=www-data
        reachable "$RUN" || DATA=/var/lib/zwfw/$key
    fi

    mkdir -p "$DATA"
    SOCK=$DATA/sock

    if [ ${#SOCK} -gt 85 ]; then
        if root; then
            SOCK=/run/zwfw-$key

        else
            SOCK=${XDG_RUNTIME_DIR:-/tmp}/zwfw-$EUID-$key
        fi
    fi

    if [ ! -d "$SOCK" ]; then
        mkdir -m 700 "$SOCK"
    fi

    [ -O "$SOCK" ] || root || die 6 "$SOCK belongs to somebody else"

    if root; then
        chown "$STORE_USER:$WEB_USER" "$SOCK"
        chmod 750 "$SOCK"
    fi
}

as_store() {
    (
        cd /

        if root; then
            exec runuser -u "$STORE_USER" -- "$@"
        fi

        exec "$@"
    )
}

# Is the process of a pid file the one that has this text in its command?

ours() {
    local pid

    pid=$(head -n 1 "$1" 2>/dev/null) || return 1
    [[ $pid =~ ^[0-9]+$ ]] || return 1
    tr '\0' ' ' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF -- "$2"
}

# Has a process ended?  One without memory has no command any more, but lives
# until its last thread has ended; then it waits for its parent only.

ended() {
    local stat tasks=("/proc/$1/task"/*)

    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
    [[ ${stat##*)} == " Z "* && ${#tasks[@]} -le 1 ]]
}

wait_until() {
    local seconds=$1 end

    shift
    end=$((SECONDS + seconds))

    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.1
    done
}

# ---- databases: modules/core/migrate.sh, backup.sh ----

# the server that ZWFW_POSTGRES names, that of an installation, or the demo's

open_postgres() {
    if [ -n "${ZWFW_POSTGRES-}" ] || installed; then
        command -v psql >/dev/null \
            || die 3 "missing packages.  As root: apt-get install" \
                "postgresql-client"

    else
        need run
        place "$ROOT/.run"
    fi

    connect
}

# The administrator of an installation is no role of PostgreSQL's.

client() (
    if root && installed && [ -z "${ZWFW_POSTGRES-}" ]; then
        cd /
        exec runuser -u postgres -- "$@"
    fi

    exec "$@"
)

cmd_migrate() {
    local mode=COMMIT database databases=() notice='' ahead=()

    while [ $# -gt 0 ]; do
        case $1 in
        --dry-run)
            mode=ROLLBACK
            ;;
        --prune|--dba)
            mode=$1
            ;;
        --calendar)
            mode=$1
            notice=${2-}
            [ -r "$notice" ] || die 2 "there is no notice in \"$notice\""
            shift
            ;;
        [a-z]*)
            databases+=("$1")
            ;;
        *)
            die 2 "migrate [--dry-run | --prune | --dba | --calendar file]" \
                "[database ...]"
            ;;
        esac
        shift
    done

    if [ ${#databases[@]} -eq 0 ]; then
        [ -n "${ZWFW_POSTGRES-}" ] || ! installed \
            || die 2 "migrate which database?"

        if [[ ${ZWFW_POSTGRES-} =~ (^|[[:space:]])dbname=([a-z0-9_]+) ]]; then
            databases=("${BASH_REMATCH[2]}")

        else
            databases=("${PLATFORMS[@]/#/zwfw_}")
        fi
    fi

    [ ${#databases[@]} -gt 0 ] || die 2 "migrate which database?"

    if [ "$mode" = --dba ]; then
        print_dba "${databases[@]}"
        return
    fi

    open_postgres

    for database in "${databases[@]}"; do
        if [ "$mode" = --prune ]; then
            prune_database "$database" || ahead+=("$database")

        elif [ "$mode" = --calendar ]; then
            load_calendar "$database" "$notice"

        else
            [ "$mode" = ROLLBACK ] || prepare_database "$database"
            migrate_database "$database" "$mode" || ahead+=("$database")
        fi
    done

    [ ${#ahead[@]} -eq 0 ] || die 9 "ahead of this tree: ${ahead[*]}"
    say "migrate: done with ${databases[*]}"
}

# ---- the demo: conf/demo.sh ----

cmd_run() {
    need build run
    cmd_modules
    place "$ROOT/.run"
    exec 7>"$RUN/lock"
    flock 7
    connect
    connect_redis
    create_keys
    create_certificates
    create_web_password
    migrate_platforms
    load_demo
    prepare_folders
    write_configuration
    start_nginx
    wait_for_health
    exec 7>&-
    print_demo
}

cmd_stop() {
    [ -d "$ROOT/.run" ] || return 0

    place "$ROOT/.run"
    stop_nginx
    stop_stores
}

migrate_platforms() {
    local platform

    for platform in "${PLATFORMS[@]}"; do
        prepare_database "zwfw_$platform"
        migrate_database "zwfw_$platform" COMMIT
    done
}

# ---- tests ----

# Private stores with demo data, in the folder named; the clock can be moved.
# Debian's psql is a script that looks for a cluster, then runs the one here.

start_test_stores() {
    local platform

    unset ZWFW_POSTGRES ZWFW_REDIS PREFIX DESTDIR
    PATH=/usr/lib/postgresql/$(server_version)/bin:$PATH
    mkdir -p "$1"
    chmod 755 "$1"
    place "$1"
    connect
    connect_redis
    create_keys
    prepare_folders
    mkdir -p "$DATA/files/test"
    QUIET=1
    migrate_platforms

    for platform in "${PLATFORMS[@]}"; do
        sql "$MAINTENANCE" -c \
            "ALTER DATABASE zwfw_$platform SET zwfw.test_clock = on"
    done

    load_demo
    prepare_test_site
}

# The whole demo, configured for the browser's tests, which start it; here it
# runs only to print the document that all answers are checked against.  Its
# ports are above those of t/lib/Port.pm, and below those that the kernel gives
# to clients, which may have them while it does not run.

prepare_test_site() {
    read -r ZWFW_PORT ZWFW_TLS_PORT < <(perl -MIO::Socket::INET -e '
        while (keys %at < 2) {
            my $port = 30000 + int rand 2700;
            my $socket = IO::Socket::INET->new(Listen => 1,
                LocalAddr => "127.0.0.1", LocalPort => $port) or next;
            $at{$port} = $socket;
        }
        print join(" ", keys %at), "\n"')
    create_certificates
    write_configuration
    print_demo >/dev/null
    start_nginx
    wait_for_health
    curl -s -f --noproxy '*' -o "$RUN/openapi.json" \
        "http://shandong.localhost:$ZWFW_PORT/api/openapi.json" \
        || die 6 "no OpenAPI document, see $RUN/error.log"
    stop_nginx
}

test_variables() {
    local so modules=() database=zwfw_shandong

    for so in $(built); do
        modules+=("$DIST/$so")
    done

    export TEST_NGINX_BINARY=$NGINX
    export TEST_NGINX_LOAD_MODULES=${modules[*]}
    export TEST_NGINX_ZWFW_SRC=$SRC
    export TEST_NGINX_ZWFW_FLAGS=${FLAGS[*]}
    export TEST_NGINX_ZWFW_POSTGRES="host=$SOCK user=zwfw_web dbname=$database"
    export TEST_NGINX_ZWFW_ADMIN="$ADMIN dbname=$database"
    export TEST_NGINX_ZWFW_REDIS=$REDIS
    export TEST_NGINX_ZWFW_KEYS=$RUN/keys
    export TEST_NGINX_ZWFW_FILES=$DATA/files/test
    export TEST_NGINX_ZWFW_HTML=$ROOT/html
    export TEST_NGINX_ZWFW_OPENAPI=$RUN/openapi.json
    export TEST_NGINX_ZWFW_SITE=$RUN/nginx.conf
    export TEST_NGINX_ZWFW_SITE_PREFIX=$SITE/
    export TEST_NGINX_ZWFW_DEMO=$RUN/demo.json
    export NODE_PATH=$BUILD/npm/node_modules
}

remove_stores() {
    (stop_stores) || true
    rm -rf "$SOCK" "$DATA" "$RUN"
}

# Files of tests that ask the stores of the run, not servers of their own; all
# that start its site have the same ports.

SHARING='use (Zwfw|Site)\b|Test::Nginx::Socket|NGINX_ZWFW_(POSTGRES|REDIS|ADMIN|SITE|DEMO)'

# of the other files; each of them takes more than half a minute

LONGEST=(migrate_history.t abuse_size.t package.t build_run.t sql_plans.t
    sql_case_plans.t build_install.t auth_lock.t unit_fuzz.t migrate_beside.t
    cluster.t failover.t faults_submit.t faults.t core_pg_idle.t faults_wire.t
    sentinel.t analyze.t monitor_visit.t monitor_ledger.t valgrind.t)

cmd_test() {
    local code=0 file files=("$@") shared

    for file in "$@"; do
        [[ "$file" != *.t || -f "$ROOT/$file" || -f "$file" ]] \
            || die 2 "there is no test $file"
    done

    cmd_deps
    cmd_modules
    trap 'exit 130' INT TERM
    trap 'remove_stores 2>/dev/null' EXIT
    start_test_stores "$(mktemp -d /tmp/zwfw-test.XXXXXX)"
    test_variables
    export ZWFW_TEST_CLUSTERS=$RUN/clusters
    mkdir "$RUN/clusters"
    cd "$ROOT"

    if [[ ! " $*" =~ \ [^-] ]]; then

        # Three files at a time, as many of them wait more than they work.  A rule
        # that stands before others goes before them: those that share stores, one
        # after the other; then the longest, so that none is alone at the end.
        # build_run.t names stores as well, but of its own.

        shared=$(grep -lE "$SHARING" t/*.t | grep -vxF t/build_run.t \
            | sed 's|^t/||' | paste -sd,)
        files=("$@" -j3 --rules "seq=t/{browser/*,$shared}")

        for file in $(printf 't/%s\n' "${LONGEST[@]}" \
                          | cat - <(ls t/*.t t/browser/*.t) | awk '!n[$0]++')
        do
            files+=(--rules "seq=$file" "$file")
        done
    fi

    prove -It/lib "${files[@]}" 2> >(tee "$RUN/said" >&2) || code=$?
    timeout 5 tail --pid=$! -f /dev/null || true

    sanitized_silent || code=1

    if [ "$code" != 0 ]; then

        # once more where it is found: at the end of what was printed

        say 'test: what failed'
        grep -A6 -E '^ *# +Failed test|^Dubious|^[^#]* at .* line [0-9]+' \
            "$RUN/said" | tail -n 200 >&2
    fi

    say "test: exit code $code after $SECONDS s"
    return "$code"
}

cmd_testenv() {
    local name

    if [ "${1-}" = --stop ]; then
        [ -d "$ROOT/.run/testenv" ] || return 0
        place "$ROOT/.run/testenv"
        remove_stores
        return
    fi

    need build run
    cmd_modules
    start_test_stores "$ROOT/.run/testenv"
    test_variables

    for name in NODE_PATH "${!TEST_NGINX_@}"; do
        printf 'export %s=%q\n' "$name" "${!name}"
    done
}

cmd_bench() {
    local file code=0

    compgen -G "$ROOT/t/bench/*.*" >/dev/null || die 2 "nothing in t/bench"
    need build run bench
    cmd_modules
    trap 'exit 130' INT TERM
    trap 'remove_stores 2>/dev/null' EXIT
    start_test_stores "$(mktemp -d /tmp/zwfw-bench.XXXXXX)"
    test_variables
    cd "$ROOT"

    for file in t/bench/*.sh t/bench/*.pl; do
        [ ! -x "$file" ] || "$file" "$@" || code=$?
    done

    return "$code"
}

cmd_clean() {
    rm -rf "$BUILD" "$DIST"

    if [ "${1-}" = --all ]; then
        cmd_testenv --stop
        cmd_stop
        [ ! -d "$ROOT/.run" ] || rm -rf "$SOCK" "$DATA" "$RUN"
    fi
}

cmd_help() {
    cat <<'TEXT'
usage: ./build.sh command [argument ...]

  deps [--dry-run]     installs what is missing, with apt and npm; or lists it
  modules [--modules=core,...] [--profile=release] [--dry-run]
                       builds dist/*.so for the installed nginx, checks them:
                       all slices or these; for use (release), for a debugger
                       (debug), to count lines (coverage), with AddressSanitizer
                       and UBSan (asan), with gcc's analyzer (analyzer)
  install [--enable] [--dry-run]
                       copies dist, html, SQL and headers to where nginx and
                       this machine have such things; --enable: nginx loads
                       the modules when it starts again
  uninstall [--dry-run]
                       takes that away, and nothing else
  package [--version=1.0]
                       makes a package of Debian of dist, and a tarball to
                       install from, both for exactly this nginx
  run                  builds and starts the demo, prints its addresses
  stop                 stops the demo
  test [file ...]      runs the tests, or these; options go to prove
  mutants [name ...]   applies each fault of t/mutants, or these, to a copy of
                       the tree: the tests that it names must fail
  analyze [file ...]   cppcheck over all, clang-tidy and gcc's -fanalyzer over units
                       that know no nginx, or over these files
  coverage [file ...]  runs the tests, or these, and prints how many lines of
                       each file of modules they ran
  prove [part ...]     all that proves a release, one after the other, and a
                       table of it at the end: test (three times), long (the
                       long variants), sanitize, mutants, coverage, bench; or
                       these parts, analyze too, or "part argument ..."; 1:
                       one of them failed
  testenv [--stop]     starts stores for tests, prints their variables:
                       eval "$(./build.sh testenv)"
  bench [--json] [--list] [--all] [--rounds N] [--divide N] [row ...]
                       measures all rows but those among many rows, or these,
                       or all; 1: one is below its target, or absent
  migrate [--dry-run | --prune | --dba | --calendar file] [database ...]
                       brings databases up to date; or tries it and rolls
                       back; or drops functions that no file has any more;
                       or prints what an administrator has to run before; or
                       loads the notice of a year's holidays
  backup folder database files [keys]
                       writes all that a platform keeps into a folder: its
                       database, the folder of its files, its key file
  restore folder database files [keys]
                       brings that back, onto a machine that has none of it
  clean [--all]        removes what was built; --all: the demo's data, too

environment:
  NGINX                the nginx to build for; default: the one in PATH
  NGINX_SRC            the source tree it was built from; default: nginx-dev
  SANITIZE             1: the same as --profile=asan, for run and test as well;
                       nginx itself is built so, too, of Debian's source
  ZWFW_LONG            1: tests that have a long variant run it
  JOBS                 compilers at a time, and faults of mutants; default: all
                       processors
  CC                   the compiler, gcc or clang; default: cc
  DESTDIR, PREFIX      install below DESTDIR, into PREFIX (/usr)
  ZWFW_POSTGRES        "host=… user=…": for run, migrate, backup and
                       restore, instead of a private server
  ZWFW_REDIS           unix:/path or address:port, the same
  ZWFW_PORT            8080, http of the demo
  ZWFW_TLS_PORT        8443, https of the demo

examples:
  $ ./build.sh run                                 a first look
  $ ./build.sh modules --modules=core,auth         only log-in and guard
  $ NGINX=/opt/nginx/sbin/nginx NGINX_SRC=~/nginx-1.30.4 ./build.sh modules
  $ sudo ./build.sh install --enable               into Debian's nginx
  $ DESTDIR=/tmp/root ./build.sh install           to look at it, or pack it
  $ ./build.sh test -v t/core_conf.t               one file

exit codes: 1 a test failed, 2 wrong usage, 3 something must be installed,
            4 the build failed, 5 the database, 6 a server did not start,
            7 the installation, 8 a backup, 9 the database is ahead
TEXT
}

# An installation keeps what migrates its databases and takes it away.

installed() {
    [ -f "$ROOT/INSTALLED" ]
}

main() {
    local name=${1-help}

    [ $# -eq 0 ] || shift

    case $name:$* in
    run:?*|stop:?*)
        die 2 "$name takes no arguments"
        ;;
    deps:?*)
        [ "$*" = --dry-run ] || die 2 "deps [--dry-run]"
        ;;
    testenv:?*)
        [ "$*" = --stop ] || die 2 "testenv [--stop]"
        ;;
    clean:?*)
        [ "$*" = --all ] || die 2 "clean [--all]"
        ;;
    esac

    case $name in
    deps|modules|install|package|run|stop|test|mutants|analyze|coverage|prove| \
    testenv|bench|clean)
        ! installed || die 2 "this is an installation: it can migrate," \
            "backup, restore and uninstall"
        "cmd_$name" "$@"
        ;;
    migrate|backup|restore|uninstall)
        "cmd_$name" "$@"
        ;;
    help|-h|--help)
        cmd_help
        ;;
    *)
        cmd_help >&2
        die 2 "there is no command $name"
        ;;
    esac
}

main "$@"
