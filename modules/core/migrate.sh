# Databases and their migration; build.sh reads this.
#
# ADMIN is the conninfo of a login that may migrate, MAINTENANCE a database
# that is always there.

# shellcheck shell=bash
# shellcheck disable=SC2154 # ROOT, ADMIN and MAINTENANCE come from build.sh

sql() {
    local database=$1

    shift
    psql -XqAt -v ON_ERROR_STOP=1 -d "$ADMIN dbname=$database" "$@"
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

migration_script() {
    local slice name sum paths files known

    files=$(migration_files)
    known=$(awk '{ printf "%s(\x27%s\x27, \x27%s\x27)", s, $1, $2; s = ", " }' \
        <<<"$files")
    cat <<SQL
BEGIN;
DO \$\$ BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('zwfw.migrations'));
END \$\$;
SET LOCAL ROLE zwfw_owner;
SET LOCAL lock_timeout = '10s';
SET LOCAL client_min_messages = warning;
SELECT to_regclass('zwfw.migrations') IS NOT NULL AS known \\gset
\\if :known
SELECT coalesce(string_agg(m.slice || '/' || m.name, ', '), '') AS newer,
       count(*) > 0 AS ahead
  FROM zwfw.migrations m
 WHERE m.slice IN (SELECT v.slice FROM (VALUES $known) v(slice, name))
   AND (m.slice, m.name) NOT IN (VALUES $known) \\gset
\\if :ahead
\\warn 'the database is ahead of this tree by' :newer
$(refuse_sql "the database is ahead of this tree")
\\endif
\\endif
SQL

    while read -r slice name sum paths; do
        migration_step
    done <<<"$files"

    echo "$1;"
}

migration_step() {
    cat <<SQL
\\set have ''
\\if :known
SELECT coalesce((SELECT sha256 FROM zwfw.migrations
                  WHERE slice = '$slice' AND name = '$name'), '') AS have \\gset
\\endif
SELECT :'have' = '' OR '$name' = 'api' AND :'have' <> '$sum' AS todo,
       :'have' <> '$sum' AS drift \\gset
\\if :todo
\\echo '  $slice/$name'
\\o /dev/null
$(printf "\\\\i '$ROOT/%s'\n" $paths)
\\o
INSERT INTO zwfw.migrations (slice, name, sha256)
VALUES ('$slice', '$name', '$sum')
ON CONFLICT (slice, name)
DO UPDATE SET sha256 = excluded.sha256, applied_at = now();
\\set known true
\\elif :drift
$(refuse_sql "$slice/$name was edited after it was applied")
\\endif
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

    list=$(migration_script "$end" | sql "$database" -f -) \
        || die 5 "$database: nothing was changed"

    [ -n "$list" ] && [ -z "${QUIET-}" ] || return 0

    if [ "$end" = COMMIT ]; then
        say "$database: applied"

    else
        say "$database: would apply"
    fi

    say "$list"
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
