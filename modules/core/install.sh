# Installs what dist holds, and takes exactly that away again; build.sh reads
# this.  What was installed stands in INSTALLED, one thing a line:
#
#     file <sha256> <path>, link <target> <path>, dir - <path>
#
# Paths are those of the running system: DESTDIR stands before them.

# shellcheck shell=bash
# shellcheck disable=SC2154,SC2094 # build.sh's; files are only read

# A path of "nginx -V", or where nginx has it by itself.

nginx_path() {
    local name=$1 default=$2 prefix path

    prefix=$(sed -n 's/.* --prefix=\([^ ]*\).*/\1/p' <<<" $NGINX_ABOUT")
    prefix=${prefix:-/usr/local/nginx}
    path=$(sed -n "s/.* --$name=\([^ ]*\).*/\1/p" <<<" $NGINX_ABOUT")
    path=${path:-$default}

    case $path in
    /*)
        echo "$path"
        ;;
    *)
        echo "$prefix/$path"
        ;;
    esac
}

install_paths() {
    PREFIX=${PREFIX:-/usr}
    DESTDIR=${DESTDIR-}
    DESTDIR=${DESTDIR%/}
    SHARE=$PREFIX/share/zwfw
    RECORD=$DESTDIR$SHARE/INSTALLED
}

# Is dist whole, and for this very nginx?

check_dist() {
    local profile headers package

    [ -f "$DIST/MANIFEST" ] \
        || die 7 "there is nothing to install: ./build.sh modules makes it"
    (cd "$DIST" && grep -E '^[0-9a-f]{64} ' MANIFEST \
        | sha256sum -c --status 2>/dev/null) \
        || die 7 "dist is not what its MANIFEST says: ./build.sh modules"
    grep -qxF "$(nginx_identity)" "$DIST/MANIFEST" \
        || die 7 "dist was built for another nginx than $NGINX:" \
            "./build.sh modules"

    # a tree of one's own for an nginx of one's own, and for no other
    package=$(nginx_package)
    headers=$(sed -n 's/^headers //p' "$DIST/MANIFEST")
    [[ $headers == "${package:+nginx-dev $package}" \
       || -z $package && $headers == tree\ * ]] \
        || die 7 "dist was built with headers of ${headers:-nobody knows what}," \
            "$NGINX needs those of ${package:+nginx-dev $package}$(
            [ -n "$package" ] || echo 'its own tree'): ./build.sh modules"

    profile=$(sed -n 's/^profile //p' "$DIST/MANIFEST")
    [ "$profile" = release ] \
        || die 7 "dist is not for use ($profile): ./build.sh modules"
}

# The load_module lines, in the order of their names, which is that of "order".
# A name is the slice's own, whatever others there are: links to it are kept when
# one comes or goes.

write_snippets() {
    local so names

    rm -rf "$STAGE"
    mkdir -p "$STAGE"
    names=$(for so in $(installable); do snippet_name "$so"; done)
    LC_ALL=C sort -cu <<<"$names" 2>/dev/null \
        || die 7 "zwfw_load of modules/*/config is not in the order of" \
            "modules/order, or missing: $names"

    for so in $(installable); do
        echo "load_module $MODULES/$so;" >"$STAGE/$(snippet_name "$so")"
    done
}

snippet_name() {
    local slice=$1

    slice=${slice#ngx_http_zwfw_}
    slice=${slice%_module.so}
    echo "40-mod-zwfw-$(sed -n 's/^zwfw_load=\([0-9][0-9]\)$/\1/p' \
        "$ROOT/modules/$slice/config")-$slice.conf"
}

installable() {
    sed -nE 's/^[0-9a-f]{64}  (ngx_http_zwfw_.*\.so)$/\1/p' "$DIST/MANIFEST"
}

# Mode, source and path of each file, with tabs between.

plan() {
    local file

    for file in $(installable); do
        printf '644\t%s\t%s\n' "$DIST/$file" "$MODULES/$file"
    done

    for file in "$STAGE"/*.conf; do
        printf '644\t%s\t%s\n' "$file" "$AVAILABLE/${file##*/}"
    done

    for file in "$DIST"/include/*; do
        printf '644\t%s\t%s\n' "$file" "$PREFIX/include/zwfw/${file##*/}"
    done

    printf '644\t%s\t%s\n' "$DIST/MANIFEST" "$SHARE/MANIFEST"
    printf '755\t%s\t%s\n' "$ROOT/build.sh" "$SHARE/build.sh"
    (
        cd "$ROOT" || exit
        find html -type f
        ls conf/*.conf modules/order modules/core/*.sh modules/core/roles.sql
        find modules -mindepth 2 -type f \( -name config -o -name release -o -name api.sql \
            -o -path '*/tables/*.sql' -o -path '*/api/*.sql' \)
    ) | sort | while read -r file; do
        printf '644\t%s\t%s\n' "$ROOT/$file" "$SHARE/$file"
    done
}

record() {
    printf '%s %s %s\n' "$1" "$2" "$3" >>"$STAGE/INSTALLED"
}

# Missing folders are made, and noted: outermost first.

make_folder() {
    local path=$1 missing=()

    while [ ! -d "$DESTDIR$path" ]; do
        missing=("$path" "${missing[@]}")
        path=$(dirname "$path")
    done

    for path in "${missing[@]}"; do
        mkdir "$DESTDIR$path" || die 7 "cannot make $DESTDIR$path"
        record dir - "$path"
    done
}

# A running nginx maps the old file: it is replaced, never written over, and
# a module stays beside it as .previous.

install_file() {
    local mode=$1 from=$2 path=$3 to=$DESTDIR$3

    make_folder "$(dirname "$path")"

    if [[ $path == *.so ]]; then
        if [ -f "$to" ] && ! cmp -s "$from" "$to"; then
            cp -p "$to" "$to.previous" || die 7 "cannot write $to.previous"
        fi

        [ ! -f "$to.previous" ] || record file "$(sum "$to.previous")" \
            "$path.previous"
    fi

    { cp "$from" "$to.new" && chmod "$mode" "$to.new" \
        && mv -f "$to.new" "$to"; } || die 7 "cannot write $to"
    record file "$(sum "$to")" "$path"
}

install_link() {
    local target=$1 path=$2

    make_folder "$(dirname "$path")"
    ln -sfn "$target" "$DESTDIR$path" || die 7 "cannot write $DESTDIR$path"
    record link "$target" "$path"
}

sum() {
    sha256sum <"$1" | cut -c 1-64
}

cmd_install() {
    local enable='' dry='' old mode from path

    while [ $# -gt 0 ]; do
        case $1 in
        --enable)
            enable=1
            ;;
        --dry-run)
            dry=1
            ;;
        *)
            die 2 "install [--enable] [--dry-run]"
            ;;
        esac
        shift
    done

    install_paths
    find_nginx
    report_problems
    check_dist
    MODULES=$(nginx_path modules-path modules)
    AVAILABLE=$(dirname "$(nginx_path conf-path conf/nginx.conf)")
    ENABLED=$AVAILABLE/modules-enabled
    AVAILABLE+=/modules-available
    # not in the tree: root may not leave anything there
    STAGE=$(mktemp -d /tmp/zwfw-install.XXXXXX)
    trap 'rm -rf "$STAGE"' EXIT
    write_snippets

    if [ -n "$dry" ]; then
        plan | while IFS=$'\t' read -r mode from path; do
            echo "would install $DESTDIR$path"
        done
        return
    fi

    old=$(cat "$RECORD" 2>/dev/null || true)
    grep '^dir ' <<<"$old" >"$STAGE/INSTALLED" || true
    mkdir -p "${DESTDIR:-/}" || die 7 "cannot make $DESTDIR"
    make_folder "$SHARE"

    while IFS=$'\t' read -r mode from path; do
        install_file "$mode" "$from" "$path"
    done < <(plan)

    for from in "$STAGE"/*.conf; do
        path=$ENABLED/${from##*/}

        # what was enabled stays so, under its name of today
        if [ -n "$enable" ] || grep -qE \
            "^link .*/40-mod-zwfw-[0-9]+-${from##*-}\$" <<<"$old"
        then
            install_link "$AVAILABLE/${from##*/}" "$path"
        fi
    done

    remove_listed < <(grep -vxFf "$STAGE/INSTALLED" <<<"$old" \
        | without_paths_of "$STAGE/INSTALLED")
    install -m 644 "$STAGE/INSTALLED" "$RECORD" || die 7 "cannot write $RECORD"
    tell_installed
}

# lines whose path the record does not have

without_paths_of() {
    awk 'NR == FNR { have[$3] = 1; next } !($3 in have)' "$1" -
}

tell_installed() {
    local file others=

    say "installed: $(installable | wc -l) modules in $DESTDIR$MODULES," \
        "the rest in $DESTDIR$SHARE"

    for file in "$STAGE"/*.conf; do
        file=${file##*/}
        [ -e "$DESTDIR$ENABLED/$file" ] || [ -L "$DESTDIR$ENABLED/$file" ] \
            || others+=" $file"
    done

    [ -z "$others" ] || say "not loaded are$others: link what you want of" \
        "$AVAILABLE into $ENABLED, or install --enable"
    say "databases: $SHARE/build.sh migrate"
    say "then nginx -t, and restart nginx or send USR2 and QUIT: a reload is" \
        "not enough, it keeps the modules that are loaded"
}

# Removes what it reads, as far as it is what was installed.

remove_listed() {
    local kind what path to dirs=()

    while read -r kind what path; do
        to=$DESTDIR$path

        case $kind in
        file)
            if [ ! -e "$to" ]; then
                continue
            fi

            if [ "$(sum "$to")" = "$what" ]; then
                rm -f "$to" || die 7 "cannot remove $to"

            else
                say "kept, it was changed: $to"
            fi
            ;;
        link)
            [ "$(readlink "$to" || true)" != "$what" ] || rm -f "$to"
            ;;
        dir)
            dirs=("$to" "${dirs[@]}")
            ;;
        esac
    done

    for to in "${dirs[@]}"; do
        rmdir "$to" 2>/dev/null || true
    done
}

# A link that somebody else has made would stop nginx.

foreign_links() {
    local path link

    while read -r _ _ path; do
        [[ $path == */modules-available/* ]] || continue
        link=${path/modules-available/modules-enabled}

        if [ -L "$DESTDIR$link" ] \
           && ! grep -qxF "link $(readlink "$DESTDIR$link") $link" "$RECORD"
        then
            echo "$DESTDIR$link"
        fi
    done <"$RECORD"
}

cmd_uninstall() {
    local list

    [ $# -eq 0 ] || [ "$*" = --dry-run ] || die 2 "uninstall [--dry-run]"

    install_paths
    [ ! -f "$ROOT/INSTALLED" ] || RECORD=$ROOT/INSTALLED
    [ -f "$RECORD" ] || die 7 "nothing is installed: there is no $RECORD"

    [ -s "$RECORD" ] || die 7 "it is a package: apt-get remove ngx-zwfw"

    if [ "${1-}" = --dry-run ]; then
        sed -nE "s|^(file\|link) [^ ]* (.*)|would remove $DESTDIR\2|p" \
            "$RECORD"
        return
    fi

    list=$(foreign_links)
    [ -z "$list" ] || die 7 "nginx would not start: remove first" \
        "$(tr '\n' ' ' <<<"$list")"

    list=$(cat "$RECORD")
    rm -f "$RECORD" || die 7 "cannot remove $RECORD"
    remove_listed <<<"$list"
    say "uninstalled; a running nginx keeps the modules until it is restarted"
}
