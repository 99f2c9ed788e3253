# Backup of a platform and its restoration onto an empty machine; build.sh reads
# this.
#
# A backup is a folder: zwfw.dump (of pg_dump), files.tar, keys, and MANIFEST,
# which is written last: without it nothing else is of use.

# shellcheck shell=bash
# shellcheck disable=SC2154 # build.sh's

BACKUP_USAGE="folder database files [keys]"

# The arguments of both: TO, DATABASE, FILES, KEYS.

backup_arguments() {
    local command=$1

    shift
    [ $# -ge 3 ] && [ $# -le 4 ] || die 2 "$command $BACKUP_USAGE"

    TO=$1
    DATABASE=$2
    FILES=$3
    KEYS=${4-}
    [[ $DATABASE =~ ^[a-z][a-z0-9_]*$ ]] \
        || die 2 "$command: $DATABASE is no name of a database"
}

# A folder that is not there, or has nothing in it.

empty_folder() {
    [ ! -e "$1" ] || { [ -d "$1" ] && [ -z "$(ls -A "$1")" ]; }
}

has_platform() {
    [ "$(sql "$1" -c "SELECT to_regclass('zwfw.migrations') IS NOT NULL")" = t ]
}

# The order matters: a file is stored before the row that names it, so those that
# the dump names are there when the files are read.

cmd_backup() {
    backup_arguments backup "$@"
    empty_folder "$TO" || die 2 "backup: there is something in $TO"
    [ -d "$FILES" ] || die 2 "backup: there is no folder $FILES"
    [ -z "$KEYS" ] || [ -r "$KEYS" ] || die 2 "backup: $KEYS cannot be read"

    open_postgres
    { database_exists "$DATABASE" && has_platform "$DATABASE"; } \
        || die 5 "$DATABASE is no database of a platform"

    umask 077
    mkdir -p "$TO"
    client pg_dump -Fc -d "$ADMIN dbname=$DATABASE" >"$TO/zwfw.dump" \
        || die 5 "$DATABASE: pg_dump failed"
    pack_files
    [ -z "$KEYS" ] || cat "$KEYS" >"$TO/keys"
    (cd "$TO" && sha256sum zwfw.dump files.tar ${KEYS:+keys} >MANIFEST.new \
        && sync -- * && mv MANIFEST.new MANIFEST) || die 8 "cannot write $TO"
    say "backup: $DATABASE and $FILES are in $TO"

    if [ -n "$KEYS" ]; then
        say "backup: with the keys: keep it where nobody else reads it"

    else
        say "backup: without the keys, which nobody can do without"
    fi
}

# Files come and go meanwhile, which is no failure (1); what is not complete yet
# belongs to nobody.

pack_files() {
    local code=0

    tar -C "$FILES" --exclude='./tmp/*' --warning=no-file-changed \
        --warning=no-file-removed -cf "$TO/files.tar" . || code=$?
    [ "$code" -le 1 ] || die 8 "$FILES: tar failed"
}

# All that would be written over is refused before anything is written.  Files and
# keys come first, the database is committed last: until then nothing is used, and
# what could not be finished is taken away, or else at the next try.

cmd_restore() {
    backup_arguments restore "$@"
    [ -f "$TO/MANIFEST" ] || die 8 "$TO is no complete backup"
    (cd "$TO" && sha256sum -c --status MANIFEST) \
        || die 8 "$TO is not what its MANIFEST says"
    [ -z "$KEYS" ] || grep -q '  keys$' "$TO/MANIFEST" \
        || die 2 "restore: this backup has no keys"
    unfinished || empty_folder "$FILES" \
        || die 2 "restore: there is something in $FILES"
    [ -z "$KEYS" ] || [ ! -e "$KEYS" ] || { unfinished \
        && cmp -s "$KEYS" "$TO/keys"; } || die 2 "restore: there is a $KEYS"

    open_postgres
    ! database_exists "$DATABASE" || ! has_platform "$DATABASE" \
        || die 5 "$DATABASE has a platform already"

    prepare_database "$DATABASE"
    trap undo_restore EXIT
    ! unfinished || undo_restore
    unpack_files
    client pg_restore --clean --if-exists --single-transaction \
        -d "$ADMIN dbname=$DATABASE" <"$TO/zwfw.dump" \
        || die 5 "$DATABASE: pg_restore failed, nothing was changed"
    trap - EXIT
    rm -f "$FILES/.restore"
    sql "$DATABASE" -c 'ANALYZE' 2>/dev/null || true
    say "restore: $DATABASE and $FILES are as they were; then migrate" \
        "$DATABASE, and start nginx with ${KEYS:-the keys}"
}

# Is what is in the folder of a restoration that did not end?

unfinished() {
    [ -e "$FILES/.restore" ]
}

# The mark is the first thing there, and its end the last.

unpack_files() {
    { mkdir -p "$FILES" && : >"$FILES/.restore"; } || die 8 "cannot write $FILES"
    tar -C "$FILES" -xpf "$TO/files.tar" || die 8 "$FILES: tar failed"
    [ -z "$KEYS" ] || (umask 077 && cat "$TO/keys" >"$KEYS.new" \
        && mv "$KEYS.new" "$KEYS") || die 8 "cannot write $KEYS"
    sync -f "$FILES" ${KEYS:+"$KEYS"} || die 8 "cannot write $FILES"
}

# Not if the database was committed all the same, or does not tell.

undo_restore() {
    [ "$(sql "$DATABASE" -c "SELECT to_regclass('zwfw.migrations') IS NULL" \
        2>/dev/null)" = t ] || return 0
    [ -z "$KEYS" ] || rm -f "$KEYS" "$KEYS.new"
    [ ! -d "$FILES" ] || find "$FILES" -mindepth 1 ! -path "$FILES/.restore" -delete
    rm -f "$FILES/.restore"
}
