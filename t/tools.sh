# Commands about the tests themselves; build.sh reads this.

# shellcheck shell=bash
# shellcheck disable=SC2154 # build.sh's

# ---- mutants: does a test see a fault? ----

# Each patch of t/mutants is a fault of one line; its "Test:" lines name the
# files of tests that see it.  The tree of the user is not touched.  A test that
# does not end has seen nothing.  JOBS copies of the tree take a fault each, at
# the same time, as tests wait more than they work.

cmd_mutants() {
    local name file files=() job jobs=${JOBS:-$(nproc)} killed late

    for name in "$@"; do
        file=$ROOT/t/mutants/$(basename "$name" .patch).patch
        [ -f "$file" ] || die 2 "mutants: there is no $file"
        files+=("$file")
    done

    [ ${#files[@]} -gt 0 ] || files=("$ROOT"/t/mutants/*.patch)
    [ "$jobs" -le ${#files[@]} ] || jobs=${#files[@]}

    need build run test
    MUTANTS=$(mktemp -d /tmp/zwfw-mutants.XXXXXX)
    trap 'exit 130' INT TERM
    trap 'leave_mutants' EXIT
    chmod 755 "$MUTANTS"
    mutant_tests "${files[@]}" >"$MUTANTS/tests"
    printf '%s\n' "${files[@]}" >"$MUTANTS/patches"
    : >"$MUTANTS/results"
    exec 5<"$MUTANTS/tests" 6<"$MUTANTS/patches"

    for ((job = 1; job <= jobs; job++)); do
        mutants_job "$MUTANTS/$job" &
    done

    wait
    [ ! -s "$MUTANTS/failing" ] || die 1 "mutants: without a fault fails:" \
        "$(sort -u "$MUTANTS/failing" | paste -sd ' '), see above"
    killed=$(grep -c '^killed ' "$MUTANTS/results" || true)
    late=$(grep -c '^LATE ' "$MUTANTS/results" || true)
    say "mutants: $killed of ${#files[@]} killed, $late without an end," \
        "after $SECONDS s"
    [ "$killed" -eq ${#files[@]} ]
}

leave_mutants() {
    local jobs

    jobs=$(jobs -p)
    # shellcheck disable=SC2086 # words
    [ -z "$jobs" ] || kill $jobs 2>/dev/null || true
    wait
    rm -rf "$MUTANTS"
}

mutant_tests() {
    sed -n 's/^Test: //p' "$@" | sort -u
}

# All tests pass without a fault, else they say nothing; those of the last one do
# so once more, as a fault may have left something behind.

mutants_job() {
    local file tests=()

    TREE=$1
    STORES=
    STALE=1
    trap 'exit 130' INT TERM
    trap 'leave_mutants_job' EXIT
    mkdir "$TREE"
    tar -C "$ROOT" --exclude-vcs --exclude=./.build --exclude=./.run \
        --exclude=./dist --exclude=./t/servroot -cf - . | tar -C "$TREE" -xf -

    while file=$(mutants_next 5); do
        mutants_pass "$file"
    done

    while [ ! -f "$MUTANTS/failing" ] && file=$(mutants_next 6); do
        mutant "$file" >"$TREE/said"
        tee -a "$MUTANTS/results" <"$TREE/said"
        mapfile -t tests < <(mutant_tests "$file")
    done

    [ ${#tests[@]} -eq 0 ] || mutants_pass "${tests[@]}"
}

leave_mutants_job() {
    [ -z "$STORES" ] || "$TREE/build.sh" testenv --stop >/dev/null 2>&1 || true
}

# The next line of a file that all jobs read.

mutants_next() (
    flock 9
    read -r line <&"$1" && echo "$line"
) 9>"$MUTANTS/lock"

mutants_pass() {
    local begin=$SECONDS

    if mutant_run "$@" >"$TREE/told" 2>&1; then
        echo "passes    $*, $((SECONDS - begin)) s"
    else
        cat "$TREE/told"
        printf '%s\n' "$@" >>"$MUTANTS/failing"
    fi
}

# what compilers and psql say of a text that is none

BROKEN='^[^ ]+\.[ch]:[0-9:]+ (fatal )?error:|psql:modules/[^ ]*: ERROR:'

mutant() {
    local name tests=() said begin=$SECONDS

    name=$(basename "$1" .patch)
    mapfile -t tests < <(mutant_tests "$1")

    if ! mutant_patch "$1"; then
        echo "OUTDATED  $name: the patch does not apply"
        return
    fi

    ! grep -q '^+++ .*\.[ch]$' "$1" || STALE=1

    if mutant_run "${tests[@]}" >"$TREE/told" 2>&1; then
        said="SURVIVED  $name: ${tests[*]}"

    elif [ -f "$TREE/broken" ] || grep -qE "$BROKEN" "$TREE/told"; then
        said="BROKEN    $name: it cannot be built"
        cat "$TREE/told"

    elif [ -f "$TREE/late" ]; then
        said="LATE      $name: ${tests[*]} did not end"

    else
        said="killed    $name: ${tests[*]}"
    fi

    echo "$said, $((SECONDS - begin)) s"
    mutant_patch "$1" -R
    ! grep -q '^+++ .*\.[ch]$' "$1" || STALE=1
}

# into the copy; -R: out of it

mutant_patch() {
    local patch=(patch -p1 -s -F0)

    ! command -v git >/dev/null || patch=(git apply)
    (cd "$TREE" && "${patch[@]}" "${@:2}" <"$1")
}

# Files of tests in the copy.  Modules are built and stores started when a file
# asks for them: units and SQL have what they need.

mutant_run() {
    local file code=0

    rm -f "$TREE/broken" "$TREE/late"

    for file in "$@"; do
        case $file in
        t/unit_*|t/sql_*)
            ;;
        *)
            mutant_modules || { touch "$TREE/broken"; return 1; }
            ;;
        esac
    done

    (cd "$TREE" && timeout 900 prove -It/lib "$@" </dev/null) || code=$?
    [ "$code" != 124 ] || touch "$TREE/late"
    return "$code"
}

mutant_modules() {
    local variables

    if [ -z "$STORES" ]; then
        STORES=1
        variables=$(PROFILE=debug "$TREE/build.sh" testenv) || return 1
        eval "$variables"

    elif [ -n "$STALE" ]; then
        PROFILE=debug "$TREE/build.sh" modules || return 1
    fi

    STALE=
}


# ---- coverage: which lines did the tests run? ----

# Files of tests, as "test" takes them; modules are built to count, and workers
# write what they counted when they exit, into files that anybody may write.

cmd_coverage() {
    local code=0 least=0

    # some files run what they run, all of them most of it

    [[ " $*" =~ \ [^-] ]] || least=85

    need build run test
    mkdir -p "$BUILD"
    ! root || STORE_USER=postgres WEB_USER=www-data reachable "$BUILD" \
        || die 2 "coverage: workers, which run as www-data, cannot write" \
            "below $BUILD"

    export PROFILE=coverage ZWFW_COVERAGE=$BUILD/coverage
    cmd_modules
    rm -rf "$ZWFW_COVERAGE"
    mkdir -p "$ZWFW_COVERAGE"
    find "$BUILD/nginx/addon" -name '*.gcda' -delete
    find "$BUILD/nginx/addon" -type d -exec chmod 777 {} +
    find "$BUILD/nginx/addon" -name '*.gcno' -exec sh -c '
        for file; do : >"${file%.gcno}.gcda"; chmod 666 "${file%.gcno}.gcda"
        done' sh {} +

    cmd_test "$@" || code=$?
    perl "$ROOT/t/coverage.pl" --least="$least" "$ROOT/modules" \
        "$BUILD/nginx/addon" "$ZWFW_COVERAGE" || code=$?
    return "$code"
}


# ---- analyzers: what can be seen without running it ----

# cppcheck over all, clang-tidy and gcc's -fanalyzer over the units that know no
# nginx, which read what strangers send; or all of them over these files.
# ZWFW_LONG=1: over all, and with clang's own analyzer, which takes minutes.

cmd_analyze() {
    local file checks='-*,bugprone-*,cert-*' files=("$@") all=("$@")
    local flags=(-D_GNU_SOURCE "-I$ROOT/modules/core" "-I$ROOT/modules/monitor")
    local code=0 jobs=${JOBS:-$(nproc)} left=() names=()

    need analyze
    cd "$ROOT"
    mkdir -p "$BUILD"

    [ -z "${ZWFW_LONG-}" ] || checks+=',clang-analyzer-*'
    checks+=$(left_out clang-tidy ,-)
    mapfile -t left < <(left_out cppcheck $'\n--suppress=' | sed 1d)

    if [ $# -eq 0 ]; then
        files=(modules/*/zwfw_*.c)
        all=(modules/*/*.c)
    fi

    if [ -n "${ZWFW_LONG-}" ] && [ $# -eq 0 ]; then
        need build
        PROFILE=release
        profile_flags
        preflight
        configure
        files=("${all[@]}")

        # those of quic are there from nginx 1.25 on

        for file in core event event/modules event/quic os/unix http \
                    http/modules http/v2 http/v3
        do
            flags+=("-I$SRC/src/$file")
        done

        flags+=("-I$BUILD/nginx" "-I$ROOT/modules/auth"
                -I/usr/include/postgresql)

    else
        flags+=(-DNGX_PTR_SIZE=8)   # as its configure finds it
    fi

    # it does not look into nginx's headers, and takes texts of there for an error

    while read -r file; do
        names+=("-D$file=\"\"")
    done < <(grep -ohE '\<ngx_[a-z_]+_n\> "' "${all[@]}" | cut -d' ' -f1 \
        | sort -u)

    cppcheck -q -j "$jobs" --std=c99 --enable=warning,portability \
        --error-exitcode=1 "${flags[@]}" "${names[@]}" "${left[@]}" \
        "${all[@]}" >&2 || code=1
    printf '%s\0' "${files[@]}" | xargs -0 -P "$jobs" -I '{}' \
        clang-tidy --quiet --warnings-as-errors='*' "-checks=$checks" '{}' -- \
        "${flags[@]}" >"$BUILD/tidy.log" 2>&1 \
        || { code=1; grep -vE '^[0-9]+ warnings? (generated|treated)' \
             "$BUILD/tidy.log" >&2; }
    printf '%s\0' "${files[@]}" | xargs -0 -P "$jobs" -I '{}' \
        "${CC:-gcc}" -O2 -fanalyzer -Werror $(left_out gcc ' -Wno-') \
        "${flags[@]}" -c -o /dev/null '{}' || code=1

    say "analyze: ${#all[@]} files, ${#files[@]} by all, after $SECONDS s"
    return "$code"
}


# ---- sanitizers: an nginx that sees what modules do to its memory ----

# nginx-dev has headers only.  The archive keeps the source of a release, whose
# headers must be those of the nginx that is installed; NGINX_SRC is a tree of
# one's own.  With NGX_DEBUG_PALLOC each piece of a pool is of malloc().

sanitized_nginx() {
    local key dir=$BUILD/sanitized from=$SRC

    mkdir -p "$dir"
    key=$(echo "$CC_OPT ${FLAGS[*]} $NGINX_ABOUT $SRC" | sha256sum)

    if [ "$(cat "$dir/key" 2>/dev/null)" != "$key" ]; then
        [ -f "$from/src/core/nginx.c" ] || from=$(sanitized_source "$dir")
        [ -n "$from" ] || exit 3
        say "building an nginx with sanitizers of $from"
        sanitized_build "$from" "$dir"
        echo "$key" >"$dir/key"
    fi

    # workers of another account write reports, too
    REPORTS=${REPORTS-$(mktemp -d /tmp/zwfw-reports.XXXXXX)}
    chmod 1777 "$REPORTS"
    cat >"$dir/nginx" <<SCRIPT
#!/bin/sh
export ASAN_OPTIONS="$(sanitized_options)"
export UBSAN_OPTIONS="print_stacktrace=1:log_path=$REPORTS/report"
export LSAN_OPTIONS="suppressions=$ROOT/t/data/sanitize/leaks:print_suppressions=0"
exec "$dir/objs/nginx" "\$@"
SCRIPT
    chmod 755 "$dir/nginx"
    NGINX=$dir/nginx
}

# nginx's own symbols are there twice, once in each module.  What was freed is
# kept up to 24 MiB of a process, so that tests see what else is kept.  That of
# gcc 12 takes some addresses of thread-local memory for others, and crashes when
# it looks for leaks there.

sanitized_options() {
    echo "detect_odr_violation=0:detect_leaks=1:abort_on_error=0:\
quarantine_size_mb=24:intercept_tls_get_addr=0:log_path=$REPORTS/report"
}

sanitized_source() {
    local version dir=$1 apt=() file tree

    mkdir -p "$dir/lists"
    sed 's/^/deb-src http:\/\/deb.debian.org\//' >"$dir/sources" <<TEXT
debian $(debian_release) main
debian $(debian_release)-updates main
debian-security $(debian_release)-security main
TEXT
    apt=(apt-get -q -o "Dir::Etc::SourceList=$dir/sources"
         -o Dir::Etc::SourceParts=/dev/null -o "Dir::State::Lists=$dir/lists")

    (
        cd "$dir"
        rm -rf nginx-*/
        "${apt[@]}" update

        # of those of this version, newest first, the one that is there

        for version in $(apt-cache "${apt[@]:2}" showsrc nginx \
                | sed -n 's/^Version: //p' | sort -rV); do
            [[ $version == "$NGINX_VERSION"-* ]] || continue
            ! "${apt[@]}" source "nginx=$version" || exit 0
        done

        exit 1
    ) >"$dir/source.log" 2>&1 \
        || { say "build.sh: no source of nginx $NGINX_VERSION, see" \
                 "$dir/source.log; NGINX_SRC names a tree"; return; }

    tree=$dir/nginx-$NGINX_VERSION

    while read -r file; do
        [ ! -f "$tree/$file" ] || cmp -s "$SRC/$file" "$tree/$file" \
            || { say "build.sh: $file of $tree is not that of $SRC"; return; }
    done < <(cd "$SRC" && find src -name '*.h')

    echo "$tree"
}

debian_release() {
    # shellcheck disable=SC1091
    (. /etc/os-release && echo "$VERSION_CODENAME")
}

sanitized_build() {
    local word more=()

    # what this nginx has, but for modules that are files

    for word in $(grep -oE -- '--with-http_[a-z0-9_]+_module( |$)' \
            <<<"$NGINX_ABOUT"); do
        more+=("$word")
    done

    (
        cd "$1"
        configure=./configure
        [ -x "$configure" ] || configure=auto/configure
        ASAN_OPTIONS=detect_leaks=0 $configure \
            --builddir="$2/objs" "${FLAGS[@]}" "${more[@]}" \
            --with-cc-opt="${CC_OPT/-W -Wall -Wextra -Werror/} -DNGX_DEBUG_PALLOC=1" \
            --with-ld-opt="$LD_OPT -Wl,-E"
        make -s -f "$2/objs/Makefile" -j "${JOBS:-$(nproc)}" binary
    ) >"$2/build.log" 2>&1 \
        || die 4 "nginx with sanitizers cannot be built, see $2/build.log"
}

# An nginx that refuses to start leaves the first pool of its main() to exit().
# t/data/sanitize cannot say who calls a function: all pools are made by one.

sanitized_refusal() {
    perl -0777 -ne '
        @direct = /^Direct leak .*?\n\n/msg;
        @other = grep { !/ in ngx_create_pool .*\n +#\d+ \S+ in main / } @direct;
        exit(!@direct || @other || /runtime error|ERROR: AddressSanitizer/)
        ' "$1"
}

# Whether nothing was reported; prints what was.

sanitized_silent() {
    local file code=0

    [ "$PROFILE" = asan ] || return 0

    for file in "$REPORTS"/report.*; do
        [ -f "$file" ] && ! sanitized_refusal "$file" || continue
        code=1
        echo "$file:"
        cat "$file"
    done >&2

    [ "$code" = 1 ] || rm -rf "$REPORTS"
    return "$code"
}


# ---- the proof of a release: all of it, one after the other ----

# Parts, or some of them; behind the name of one may stand what it is to do
# instead: prove test "mutants core-etag".  What fails does not stop the others.
# Each is a process of its own, with a log in .build/prove.

cmd_prove() {
    local part parts=("$@") n code=0

    [ $# -gt 0 ] || parts=(test long sanitize mutants coverage bench)

    for part in "${parts[@]}"; do
        case ${part%% *} in
        test|long|sanitize|mutants|coverage|analyze|bench)
            ;;
        *)
            die 2 "prove: there is no part ${part%% *}: test, long, sanitize," \
                "mutants, coverage, analyze, bench"
            ;;
        esac
    done

    rm -rf "$BUILD/prove"
    mkdir -p "$BUILD/prove"
    PROVED=()

    for part in "${parts[@]}"; do
        if [ "$part" = test ]; then

            # three times in a row without a flake

            for n in 1 2 3; do
                prove_part "test $n of 3" test || code=1
            done

            continue
        fi

        # shellcheck disable=SC2086 # words
        prove_part "$part" $part || code=1
    done

    printf '\n%-24s %-10s %8s  %s\n' part result seconds log
    printf '%s\n' "${PROVED[@]}"
    return "$code"
}

prove_part() {
    local name=$1 part=$2 log code=0 begin=$SECONDS command=() long=() wide=()

    shift 2
    log=$BUILD/prove/$(tr -c 'a-z0-9.\n' - <<<"$name").log

    case $part in
    long)
        [ $# -gt 0 ] || mapfile -t long < <(cd "$ROOT" \
            && grep -l 'ENV{ZWFW_LONG}' t/*.t t/browser/*.t)
        command=(env ZWFW_LONG=1 "$ROOT/build.sh" test "${long[@]}")
        ;;
    sanitize)
        command=(env SANITIZE=1 "$ROOT/build.sh" test)
        ;;
    bench)
        [ $# -gt 0 ] || wide=(--all)
        command=("$ROOT/build.sh" bench "${wide[@]}")
        ;;
    *)
        command=("$ROOT/build.sh" "$part")
        ;;
    esac

    say "prove: $name, see $log"
    "${command[@]}" "$@" >"$log" 2>&1 </dev/null || code=$?
    PROVED+=("$(printf '%-24s %-10s %8d  %s' "$name" \
        "$([ "$code" = 0 ] && echo passed || echo "failed $code")" \
        $((SECONDS - begin)) "${log#"$ROOT"/}")")
    return "$code"
}
