# Databases and their migration; build.sh reads this.
#
# ADMIN is the conninfo of a login that may migrate, MAINTENANCE a database
# that is always there.

# shellcheck shell=bash
# shellcheck disable=SC2154 # ROOT, ADMIN and MAINTENANCE come from build.sh

sql() {
    local database=$1

    shift
    client psql -XqAt -v ON_ERROR_STOP=1 -d "$ADMIN dbname=$database" "$@"
}

database_exists() {
    [ "$(sql "$MAINTENANCE" -c "SELECT count(*) FROM pg_database
                                 WHERE datname = '$1'")" = 1 ]
}

is_prepared() {
    [ "$(sql "$1" -c "SELECT CASE WHEN to_regnamespace('api') IS NULL
        OR to_regrole('zwfw_owner') IS NULL THEN false
        ELSE pg_has_role('zwfw_owner', 'MEMBER') END")" = t ]
}

# Database, roles, schemas: all that needs more than the right to migrate.

prepare_database() {
    local database=$1 roles=$ROOT/modules/core/roles.sql

    database_exists "$database" \
        || sql "$MAINTENANCE" -c "CREATE DATABASE $database
               TEMPLATE template0 ENCODING 'UTF8'" \
        || database_exists "$database" \
        || die 5 "ask the administrator: ./build.sh migrate --dba $database"

    if [ "$(sql "$database" -c "SELECT rolsuper OR rolcreaterole FROM pg_roles
                                 WHERE rolname = current_user")" = t ]
    then
        # roles belong to the whole server: two at a time may collide
        sql "$database" -1 -f "$roles" 2>/dev/null \
            || sql "$database" -1 -f "$roles" 2>/dev/null \
            || sql "$database" -1 -f "$roles" \
            || die 5 "roles.sql failed in $database"
        return
    fi

    is_prepared "$database" \
        || die 5 "ask the administrator: ./build.sh migrate --dba $database"
}

# "core 01-base <sha256> 0 {} <path>" for each file of tables, then "core api
# <sha256> <release> {api.core_ping,...} <path> ..." for the functions of each
# slice: api.sql, or api/*.sql where they have several subjects; their number is
# in "release", with the sum that it is of.  Paths are relative to ROOT.

migration_files() (
    shopt -s nullglob
    cd "$ROOT"

    for slice in $(slices); do
        for file in modules/"$slice"/tables/*.sql; do
            echo "$slice $(basename "$file" .sql)" \
                "$(sha256sum <"$file" | cut -c 1-64) 0 {} $file"
        done
    done

    for slice in $(slices); do
        files=(modules/"$slice"/api{.sql,/*.sql})
        [ -f "${files[0]}" ] || files=("${files[@]:1}")
        [ ${#files[@]} -gt 0 ] || continue
        number=0
        [ ! -f "modules/$slice/release" ] \
            || read -r number _ <"modules/$slice/release"
        echo "$slice api $(cat "${files[@]}" | sha256sum | cut -c 1-64)" \
            "$number {$(functions_of "${files[@]}")} ${files[*]}"
    done
)

functions_of() {
    grep -ohiE '^CREATE OR REPLACE FUNCTION (api|zwfw)\.[a-z0-9_]+' "$@" \
        | sed 's/.* //' | sort -u | paste -sd,
}

# with an SQLSTATE, if something is to be known by it

refuse_sql() {
    echo "DO \$\$ BEGIN RAISE EXCEPTION '%', '$1' USING errcode =" \
        "'${2:-P0001}'; END \$\$;"
}

# Rows of the files, as v(n, slice, name, sum, release, functions).

known_sql() {
    awk '{ printf "%s(%d, \x27%s\x27, \x27%s\x27, \x27%s\x27, %d, \x27%s\x27)",
                  s, NR, $1, $2, $3, $4, $5; s = ", " }'
}

# the SQLSTATE of a database of a newer tree, which is exit code 9

AHEAD=ZWNEW

KNOWN_COLUMNS='v(n, slice, name, sum, release, functions)'

# One transaction, in psql's language: what was applied is asked under the lock.
# A tree that does not know it, or has older functions, does nothing.

locked_sql() {
    cat <<SQL
BEGIN;
DO \$\$ BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('zwfw.migrations'));
END \$\$;
SET LOCAL ROLE zwfw_owner;
SET LOCAL lock_timeout = '20ms';
SET LOCAL client_min_messages = warning;
SELECT to_regclass('zwfw.migrations') IS NOT NULL AS known \\gset
\\if :known
SELECT coalesce(string_agg(m.slice || '/' || m.name, ', '), '') AS newer,
       count(*) > 0 AS ahead
  FROM zwfw.migrations m
  LEFT JOIN (VALUES $1) $KNOWN_COLUMNS USING (slice, name)
 WHERE m.slice IN (SELECT v.slice FROM (VALUES $1) $KNOWN_COLUMNS)
   AND (v.n IS NULL OR (to_jsonb(m)->>'release')::integer > v.release)
\\gset
\\if :ahead
\\warn 'the database is ahead of this tree by' :newer
$(refuse_sql "the database is ahead of this tree" "$AHEAD")
\\endif
\\endif
SQL
}

# What is to be applied, also because functions are gone: "todo"; and what was
# edited since it was: "drift".

states_sql() {
    cat <<SQL
SELECT v.n, v.slice, v.name, m.sha256 IS NULL
            OR v.name = 'api' AND (m.sha256 <> v.sum OR EXISTS (
                SELECT FROM unnest(v.functions::text[]) f
                 WHERE NOT EXISTS (
                    SELECT FROM pg_proc p
                     WHERE p.proname = split_part(f, '.', 2)
                       AND p.pronamespace
                           = to_regnamespace(split_part(f, '.', 1))))) AS todo,
       v.name <> 'api' AND m.sha256 <> v.sum AS drift
  FROM (VALUES $1) $KNOWN_COLUMNS
  LEFT JOIN zwfw.migrations m USING (slice, name)
SQL
}

# Nodes serve meanwhile.  What is to be applied is sent before, and then runs as
# one statement: it takes each lock at once or gives up as a whole, to be tried
# again, and asks nobody anything while it holds some.

migration_script() {
    local n=0 slice name sum release functions paths files known

    files=$(migration_files)
    known=$(known_sql <<<"$files")
    locked_sql "$known"
    cat <<SQL
\\if :known
SELECT $(awk '{ printf "%sbool_or(n = %d AND todo) AS todo_%d,\
                        bool_or(n = %d AND drift) AS drift_%d",
                       s, NR, NR, NR, NR; s = ", " }' <<<"$files")
  FROM ($(states_sql "$known")) f \\gset
\\else
$(awk '{ print "\\set todo_" NR " true\n\\set drift_" NR " false" }' <<<"$files")
\\endif
SQL

    while read -r slice name sum release functions paths; do
        n=$((n + 1))
        migration_step
    done <<<"$files"

    apply_sql "$known"
    echo "$1;"
}

# The text of a file waits in a setting.

migration_step() {
    cat <<SQL
\\if :drift_$n
$(refuse_sql "$slice/$name was edited after it was applied")
\\elif :todo_$n
\\echo '  $slice/$name'
\\set text \`cat $(printf "'$ROOT/%s' " $paths)\`
SELECT set_config('zwfw.file_$n', :'text', true) IS NULL AS none \\gset
\\endif
SQL
}

# Without an end: that comes with it, in the same message.

apply_sql() {
    cat <<SQL
DO \$\$
DECLARE
    f      record;
    least  text := '1';
BEGIN
    IF to_regclass('zwfw.schema') IS NOT NULL THEN
        least := coalesce((SELECT to_jsonb(s)->>'oldest'
                             FROM zwfw.schema s), least);
    END IF;

    FOR f IN
        SELECT v.*, current_setting('zwfw.file_' || v.n, true) AS text
          FROM (VALUES $1) $KNOWN_COLUMNS
         WHERE current_setting('zwfw.file_' || v.n, true) <> ''
         ORDER BY v.n
    LOOP
        BEGIN
            EXECUTE f.text;
        EXCEPTION WHEN OTHERS THEN
            RAISE EXCEPTION USING errcode = sqlstate,
                message = format('%s/%s: %s', f.slice, f.name, sqlerrm);
        END;

        INSERT INTO zwfw.migrations AS m (slice, name, sha256)
        VALUES (f.slice, f.name, f.sum)
        ON CONFLICT ON CONSTRAINT migrations_pkey
        DO UPDATE SET sha256 = excluded.sha256, applied_at = now();
    END LOOP;

    UPDATE zwfw.migrations m SET release = v.release
      FROM (VALUES $1) $KNOWN_COLUMNS
     WHERE m.slice = v.slice AND m.name = v.name AND m.release < v.release;

    IF (SELECT s.oldest > least::integer FROM zwfw.schema s)
       AND EXISTS (SELECT FROM pg_stat_activity a
                    WHERE a.datname = current_database()
                      AND a.usename = 'zwfw_web')
    THEN
        RAISE EXCEPTION
            'older nodes cannot go on with it: stop them first';
    END IF;
END \$\$ \\;
SQL
}

# 9: it is ahead, which the others need not be

migrate_database() {
    local database=$1 end=$2 list code=0

    if [ "$end" = ROLLBACK ] \
       && ! { database_exists "$database" && is_prepared "$database"; }
    then
        say "$database: would be made, with roles and schemas"
        return
    fi

    list=$(run_migration "$(migration_script "$end")") || code=$?
    not_run "$code" "$database: nothing was changed" || return

    [ -n "$list" ] && [ -z "${QUIET-}" ] || return 0

    if [ "$end" = COMMIT ]; then
        say "$database: applied"

    else
        say "$database: would apply"
    fi

    say "$list"
}

not_run() {
    case $1 in
    0)
        ;;
    9)
        say "build.sh: $2"
        return 9
        ;;
    *)
        die 5 "$2"
        ;;
    esac
}

# Again for as long as it gave up because a table was in use, by SQLSTATE.

run_migration() {
    local tries=0 said code

    said=$(mktemp)

    until sql "$database" -v VERBOSITY=verbose -f - <<<"$1" 2>"$said"; do
        tries=$((tries + 1))

        if ! grep -qE ':  (55P03|40P01): ' "$said" || [ "$tries" = 100 ]; then
            code=1
            ! grep -q ":  $AHEAD: " "$said" || code=9
            sed -E '/^LOCATION:  /d; s/:  [0-9A-Z]{5}: /:  /' "$said" >&2
            rm -f "$said"
            return "$code"
        fi

        [ "$tries" != 1 ] || say "$database: a table is in use, trying again"
        sleep 0.3
    done

    cat "$said" >&2
    rm -f "$said"
}

# Drops functions of api that no file creates; once all nodes are new.  A tree
# that has other functions than the database does not know which these are, nor
# does it of slices that it has not.

prune_script() {
    local known

    known=$(migration_files | known_sql)
    locked_sql "$known"
    cat <<SQL
\\if :known
SELECT coalesce(string_agg(f.slice || '/' || f.name, ', '), '') AS other,
       count(*) > 0 AS differs
  FROM ($(states_sql "$known")) f WHERE f.todo OR f.drift \\gset
\\else
\\set differs true
\\set other 'all'
\\endif
\\if :differs
\\warn 'the database has not what this tree has:' :other
$(refuse_sql "migrate it first")
\\endif
SELECT format('DROP FUNCTION %s', p.oid::regprocedure)
  FROM pg_proc p
 WHERE p.pronamespace = 'api'::regnamespace
   AND 'api.' || p.proname <> ALL (
        SELECT unnest(v.functions::text[]) FROM (VALUES $known) $KNOWN_COLUMNS)
   AND split_part(p.proname, '_', 1) <> ALL (
        SELECT m.slice FROM zwfw.migrations m
         WHERE m.slice NOT IN (SELECT v.slice
                                 FROM (VALUES $known) $KNOWN_COLUMNS))
\\g
\\gexec
COMMIT;
SQL
}

prune_database() {
    local database=$1 code=0

    run_migration "$(prune_script)" >&2 || code=$?
    not_run "$code" "$database: nothing was dropped"
}

print_dba() {
    local database login

    login=$(id -un)

    if [[ ${ZWFW_POSTGRES-} =~ (^|[[:space:]])user=([^[:space:]]+) ]]; then
        login=${BASH_REMATCH[2]}
    fi

    echo "-- for psql, as an administrator of the server"

    for database in "$@"; do
        echo
        echo "SELECT 'CREATE DATABASE $database TEMPLATE template0" \
            "ENCODING ''UTF8''' WHERE NOT EXISTS (SELECT FROM pg_database" \
            "WHERE datname = '$database') \\gexec"
        echo "\\connect $database"
        cat "$ROOT/modules/core/roles.sql"
        echo "GRANT zwfw_owner TO \"$login\";"
    done
}

# A year's holidays: {"year": .., "papers": [url], "days": [{"name", "date",
# "isOffDay"}]}.

load_calendar() {
    local database=$1 notice=$2 changed

    changed=$(sql "$database" -v notice="$(cat "$notice")" -f - <<'SQL'
SET ROLE zwfw_owner;
SELECT zwfw.load_calendar(CASE WHEN n->>'year' ~ '^[0-9]{4}$'
                          THEN (n->>'year')::integer END, n)
  FROM (SELECT :'notice'::jsonb) AS x (n);
SQL
    ) || die 5 "$database: nothing was changed"

    say "$database: $changed days have become working or free"
}
