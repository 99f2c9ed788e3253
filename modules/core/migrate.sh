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

# "core 01-base <sha256> <path>" for each file of tables, then "core api
# <sha256> <path> ..." for the functions of each slice: api.sql, or api/*.sql
# where they have several subjects.  Paths are relative to ROOT.

migration_files() (
    shopt -s nullglob
    cd "$ROOT"

    for slice in $(slices); do
        for file in modules/"$slice"/tables/*.sql; do
            echo "$slice $(basename "$file" .sql)" \
                "$(sha256sum <"$file" | cut -c 1-64) $file"
        done
    done

    for slice in $(slices); do
        files=(modules/"$slice"/api{.sql,/*.sql})
        [ -f "${files[0]}" ] || files=("${files[@]:1}")
        [ ${#files[@]} -eq 0 ] || echo "$slice api" \
            "$(cat "${files[@]}" | sha256sum | cut -c 1-64) ${files[*]}"
    done
)

refuse_sql() {
    echo "DO \$\$ BEGIN RAISE EXCEPTION '%', '$1'; END \$\$;"
}

# One transaction, in psql's language: what was applied is asked under the lock.
# Nodes serve meanwhile.  What is to be applied is sent before, and then runs as
# one statement: it takes each lock at once or gives up as a whole, to be tried
# again, and asks nobody anything while it holds some.

migration_script() {
    local n=0 slice name sum paths files known

    files=$(migration_files)
    known=$(awk '{ printf "%s(%d, \x27%s\x27, \x27%s\x27, \x27%s\x27)",
                          s, NR, $1, $2, $3; s = ", " }' <<<"$files")
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
 WHERE m.slice IN (SELECT v.slice FROM (VALUES $known) v(n, slice))
   AND (m.slice, m.name) NOT IN (SELECT v.slice, v.name
                                   FROM (VALUES $known) v(n, slice, name))
\\gset
\\if :ahead
\\warn 'the database is ahead of this tree by' :newer
$(refuse_sql "the database is ahead of this tree")
\\endif
SELECT $(awk '{ printf "%sbool_or(n = %d AND todo) AS todo_%d,\
                        bool_or(n = %d AND drift) AS drift_%d",
                       s, NR, NR, NR, NR; s = ", " }' <<<"$files")
  FROM (SELECT v.n, m.sha256 IS NULL
                    OR v.name = 'api' AND m.sha256 <> v.sum AS todo,
               v.name <> 'api' AND m.sha256 <> v.sum AS drift
          FROM (VALUES $known) v(n, slice, name, sum)
          LEFT JOIN zwfw.migrations m USING (slice, name)) f \\gset
\\else
$(awk '{ print "\\set todo_" NR " true\n\\set drift_" NR " false" }' <<<"$files")
\\endif
SQL

    while read -r slice name sum paths; do
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
          FROM (VALUES $1) v(n, slice, name, sum)
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

migrate_database() {
    local database=$1 end=$2 list

    if [ "$end" = ROLLBACK ] \
       && ! { database_exists "$database" && is_prepared "$database"; }
    then
        say "$database: would be made, with roles and schemas"
        return
    fi

    list=$(run_migration "$(migration_script "$end")") \
        || die 5 "$database: nothing was changed"

    [ -n "$list" ] && [ -z "${QUIET-}" ] || return 0

    if [ "$end" = COMMIT ]; then
        say "$database: applied"

    else
        say "$database: would apply"
    fi

    say "$list"
}

# Again for as long as it gave up because a table was in use, by SQLSTATE.

run_migration() {
    local tries=0 said

    said=$(mktemp)

    until sql "$database" -v VERBOSITY=verbose -f - <<<"$1" 2>"$said"; do
        tries=$((tries + 1))

        if ! grep -qE ':  (55P03|40P01): ' "$said" || [ "$tries" = 100 ]; then
            sed -E '/^LOCATION:  /d; s/:  [0-9A-Z]{5}: /:  /' "$said" >&2
            rm -f "$said"
            return 1
        fi

        [ "$tries" != 1 ] || say "$database: a table is in use, trying again"
        sleep 0.3
    done

    cat "$said" >&2
    rm -f "$said"
}

# Drops functions of api that no file creates; once all nodes are new.

prune_database() {
    local database=$1 names

    names=$(cd "$ROOT" && migration_files \
        | sed -n 's/^[a-z_]* api [0-9a-f]* //p' | xargs -r grep -ohiE \
            '^CREATE OR REPLACE FUNCTION api\.[a-z0-9_]+' \
        | sed "s/.*\.\(.*\)/'\1'/" | paste -sd,)
    sql "$database" <<SQL >&2 || die 5 "$database: nothing was dropped"
BEGIN;
SET LOCAL ROLE zwfw_owner;
SELECT format('DROP FUNCTION %s', p.oid::regprocedure)
  FROM pg_proc p
 WHERE p.pronamespace = 'api'::regnamespace AND p.proname NOT IN ($names)
\g
\gexec
COMMIT;
SQL
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
