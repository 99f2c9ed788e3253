# Commands about the tests themselves; build.sh reads this.

# shellcheck shell=bash
# shellcheck disable=SC2154 # build.sh's

# ---- mutants: does a test see a fault? ----

# Each patch of t/mutants is a fault of one line; its "Test:" lines name the
# files of tests that see it.  The tree of the user is not touched.

cmd_mutants() {
    local name file files=() bad=0

    for name in "$@"; do
        file=$ROOT/t/mutants/$(basename "$name" .patch).patch
        [ -f "$file" ] || die 2 "mutants: there is no $file"
        files+=("$file")
    done

    [ ${#files[@]} -gt 0 ] || files=("$ROOT"/t/mutants/*.patch)

    need build run test
    TREE=$(mktemp -d /tmp/zwfw-mutants.XXXXXX)
    STORES=
    STALE=1
    trap 'exit 130' INT TERM
    trap 'leave_mutants' EXIT
    chmod 755 "$TREE"
    tar -C "$ROOT" --exclude-vcs --exclude=./.build --exclude=./.run \
        --exclude=./dist --exclude=./t/servroot -cf - . | tar -C "$TREE" -xf -

    mutants_pass "${files[@]}"

    for file in "${files[@]}"; do
        mutant "$file" || bad=$((bad + 1))
    done

    say "mutants: $((${#files[@]} - bad)) of ${#files[@]} killed after" \
        "$SECONDS s"
    [ "$bad" -eq 0 ]
}

leave_mutants() {
    [ -z "$STORES" ] || "$TREE/build.sh" testenv --stop >/dev/null 2>&1 || true
    rm -rf "$TREE"
}

mutant_tests() {
    sed -n 's/^Test: //p' "$@" | sort -u
}

# Without a fault they pass, else they say nothing.

mutants_pass() {
    local tests=()

    mapfile -t tests < <(mutant_tests "$@")
    mutant_run "${tests[@]}" || die 1 "mutants: the tests fail without one," \
        "see above"
}

# what compilers and psql say of a text that is none

BROKEN='^[^ ]+\.[ch]:[0-9:]+ (fatal )?error:|psql:modules/[^ ]*: ERROR:'

mutant() {
    local name code tests=()

    name=$(basename "$1" .patch)
    mapfile -t tests < <(mutant_tests "$1")

    if ! mutant_patch "$1"; then
        echo "OUTDATED  $name: the patch does not apply"
        return 1
    fi

    ! grep -q '^+++ .*\.[ch]$' "$1" || STALE=1

    if mutant_run "${tests[@]}" >"$TREE/told" 2>&1; then
        echo "SURVIVED  $name: ${tests[*]}"
        code=1

    elif [ -f "$TREE/broken" ] || grep -qE "$BROKEN" "$TREE/told"; then
        echo "BROKEN    $name: it cannot be built"
        cat "$TREE/told"
        code=1

    else
        echo "killed    $name: ${tests[*]}"
        code=0
    fi

    mutant_patch "$1" -R
    ! grep -q '^+++ .*\.[ch]$' "$1" || STALE=1
    return "$code"
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

    rm -f "$TREE/broken"

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
    local code=0

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
    perl "$ROOT/t/coverage.pl" "$ROOT/modules" "$BUILD/nginx/addon" \
        "$ZWFW_COVERAGE"
    return "$code"
}
