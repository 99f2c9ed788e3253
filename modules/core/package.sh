# Packages what "install" would install, for exactly this nginx: as a .deb by
# Debian's conventions for nginx's modules, and as a tarball that "install" works
# from; build.sh reads this.

# shellcheck shell=bash
# shellcheck disable=SC2154 # build.sh's

cmd_package() {
    local version='' abi name

    [[ $# -eq 0 || ( $# -eq 1 && $1 =~ ^--version=[0-9][0-9A-Za-z.+~]*$ ) ]] \
        || die 2 "package [--version=1.0]"
    [ $# -eq 0 ] || version=${1#*=}
    version=${version:-$(package_number)}
    need package
    abi=$(dpkg-query -W -f='${Provides}' nginx 2>/dev/null \
        | grep -oE 'nginx-abi-[0-9.-]+' || true)
    [ -n "$abi" ] || die 7 "nginx is no package here: install is for it"

    STAGED=$(mktemp -d /tmp/zwfw-package.XXXXXX)
    trap 'rm -rf "$STAGED"' EXIT
    chmod 755 "$STAGED"
    ARCH=$(dpkg --print-architecture)
    name=$DIST/ngx-zwfw_${version}_$ARCH

    # in a process of its own, which says why it ends
    (DESTDIR=$STAGED/root PREFIX=/usr cmd_install 2>"$STAGED/said") \
        || { cat "$STAGED/said" >&2; exit 7; }
    cd "$STAGED/root"
    package_modules
    package_files "$version"
    mkdir DEBIAN
    package_control "$version" "$abi" >DEBIAN/control
    package_scripts "$version"
    find usr -type f -print0 | LC_ALL=C sort -z | xargs -0 md5sum \
        >DEBIAN/md5sums
    find etc -type f -printf '/%p\n' | LC_ALL=C sort >DEBIAN/conffiles
    find . -type d -exec chmod 755 {} +
    # what is refused leaves the package that there was
    rm -f "$DIST"/ngx-zwfw_*
    dpkg-deb --root-owner-group --build . "$name.deb" >/dev/null \
        || die 7 "dpkg-deb failed"
    cd "$ROOT"
    package_tarball "$version" "$name.tar.gz"
    say "package: $name.deb, for $abi, and $name.tar.gz"
}

# by the day of the commit, and how many there were

package_number() {
    local number

    number=$(git -C "$ROOT" log -1 --date=format:%Y%m%d --format=%cd \
        2>/dev/null || true)
    number+=${number:+.$(git -C "$ROOT" rev-list --count HEAD)}
    echo "0~${number:-0}"
}

# Debian has a file of load_module per module in /usr/share/nginx; the link to it
# in modules-enabled is made by postinst, and is the administrator's.  LINKS has
# "file:link" of each.

package_modules() {
    local file name

    LINKS=()
    mkdir -p usr/share/nginx/modules-available

    for file in etc/nginx/modules-available/*.conf; do
        name=${file##*/}
        LINKS+=("mod-zwfw-${name##*-}:$name")
        mv "$file" "usr/share/nginx/modules-available/mod-zwfw-${name##*-}"
    done

    rmdir etc/nginx/modules-available

    # dpkg removes what it has installed
    : >usr/share/zwfw/INSTALLED
}

# Snippets of the configuration, the command, and what belongs to a package.

package_files() {
    local file doc=usr/share/doc/ngx-zwfw

    mkdir -p etc/default etc/nginx/snippets usr/sbin usr/share/man/man8 "$doc/examples"

    for file in core auth site; do
        sed 's| html;| /usr/share/zwfw/html;|
             s| html/| /usr/share/zwfw/html/|' "$ROOT/conf/$file.conf" \
            >"etc/nginx/snippets/zwfw-$file.conf"
    done

    cat >etc/default/zwfw <<'TEXT'
# Databases of platforms that an upgrade of the package migrates, before nginx
# takes the new modules; those that are not named are to be migrated by hand:
# zwfw migrate database ...

DATABASES=""
TEXT

    for file in existing pair nginx; do
        cp "$ROOT/conf/$file.conf" "$doc/examples/"
    done

    cp "$ROOT/README.md" "$doc/"
    package_copyright >"$doc/copyright"
    package_changelog "$1" | gzip -9n >"$doc/changelog.gz"
    package_manual | gzip -9n >usr/share/man/man8/zwfw.8.gz
    cat >usr/sbin/zwfw <<'SCRIPT'
#!/bin/sh
# migrate, backup and restore of ngx-zwfw; see zwfw(8)

case ${1-} in
migrate|backup|restore|help)
    exec /usr/share/zwfw/build.sh "$@"
    ;;
esac

echo "usage: zwfw migrate|backup|restore|help [argument ...]" >&2
exit 2
SCRIPT
    chmod 755 usr/sbin/zwfw
}

package_copyright() {
    cat <<TEXT
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: ngx-zwfw

Files: *
$(sed -n 's/^Copyright (C) \(.*\)/Copyright: \1/p' "$ROOT/LICENSE" | head -n 1)
License: BSD-2-Clause
$(sed -n '/^Redistribution/,$p' "$ROOT/LICENSE" | sed 's/^$/./; s/^/ /')
TEXT
}

package_changelog() {
    cat <<TEXT
ngx-zwfw ($1) unstable; urgency=medium

  * Built of commit $(sed -n 's/^commit //p' "$DIST/MANIFEST").

 -- $(package_builder)  $(LC_ALL=C date -R)
TEXT
}

# who is responsible for this build, as Debian's tools have it

package_builder() {
    echo "${DEBFULLNAME:-ngx-zwfw builders} <${DEBEMAIL:-builders@example.org}>"
}

package_manual() {
    cat <<'TEXT'
.TH ZWFW 8
.SH NAME
zwfw \- databases, backup and restoration of ngx\-zwfw
.SH SYNOPSIS
.B zwfw migrate
.RI [ option ]
.IR database " ..."
.br
.B zwfw backup
.I folder database files
.RI [ keys ]
.br
.B zwfw restore
.I folder database files
.RI [ keys ]
.SH DESCRIPTION
.B migrate
brings databases up to date with the modules that are installed,
.B backup
writes the database, the files and the keys of a platform into a folder, and
.B restore
brings that back onto a machine that has none of it.
.B zwfw help
lists the options, /usr/share/doc/ngx\-zwfw/README.md explains them.
Root acts as the account postgres, unless ZWFW_POSTGRES names a server.
.SH SEE ALSO
.BR nginx (8),
.BR pg_dump (1)
TEXT
}

package_control() {
    cat <<TEXT
Package: ngx-zwfw
Version: $1
Architecture: $ARCH
Maintainer: $(package_builder)
Installed-Size: $(du -ks . | cut -f 1)
Depends: $2, $(package_libraries)
Recommends: postgresql-client
Suggests: postgresql, redis-server
Static-Built-Using: $(package_static)
Section: httpd
Priority: optional
Description: government service platform, modules for nginx
 Modules that turn an nginx into a government service platform as
 GB/T 39047-2020 describes it, on PostgreSQL and Redis. They are loaded and
 change nothing until a platform is configured.
 .
 This build works with the nginx of $2 only.
TEXT
}

# of what the modules are linked with, by Debian's own look at their symbols

package_libraries() {
    mkdir -p "$STAGED/debian"
    printf 'Source: ngx-zwfw\n\nPackage: ngx-zwfw\nArchitecture: any\n' \
        >"$STAGED/debian/control"
    (cd "$STAGED" && dpkg-shlibdeps -O root/usr/lib/nginx/modules/*.so \
        2>>"$STAGED/said") | sed -n 's/^shlibs:Depends=//p'
}

# whose code is inside of core's: the linker was told so by modules/core/config

package_static() {
    local package list=()

    for package in libhiredis-dev libyajl-dev; do
        list+=("$(dpkg-query -W \
            -f='${source:Package} (= ${source:Version})' "$package")")
    done

    printf '%s\n' "${list[@]}" | paste -sd, | sed 's/,/, /g'
}

# As Debian's modules do it: enabled when they are new, and as the administrator
# has left them otherwise, "new" being what $known does not have.  Links are known
# by what they lead to, as there may be some of another build and of somebody
# else; one that leads nowhere would stop nginx, so it is set aside as ".removed"
# and is back when its module is.  A reload takes a new module in or an old one
# out, and keeps one that was replaced: for that nginx hands over to a new process.

package_scripts() {
    local pair files=()

    for pair in "${LINKS[@]}"; do
        files+=("${pair%%:*}")
    done

    {
        package_script
        cat <<TEXT
if [ "\$1" = upgrade ]; then
    if [ ! -e \$known ]; then
        mkdir -p "\${known%/*}"
        (cd \$available && ls -d mod-zwfw-*.conf 2>/dev/null) >\$known || true
    fi

    for link in \$(ours .conf); do
        case " ${files[*]} " in
        *" \$(file_of "\$link") "*)
            ;;
        *)
            mv "\$link" "\$link.removed"
            ;;
        esac
    done
fi
TEXT
    } >DEBIAN/preinst
    {
        package_script
        cat <<TEXT
for link in \$(ours .conf.removed); do
    [ ! -e "\$link" ] || mv "\$link" "\${link%.removed}"
done

if [ "\$1" != configure ]; then
    dpkg-trigger --no-await nginx-reload
    exit 0
fi

mkdir -p "\${known%/*}"
touch \$known

for pair in ${LINKS[*]}; do
    file=\${pair%%:*}

    if ! grep -qxF "\$file" \$known; then
        for link in \$(ours .conf); do
            [ "\$(file_of "\$link")" != "\$file" ] || file=
        done

        [ -z "\$file" ] || ln -sf "\$available/\$file" "\$enabled/\${pair#*:}"
        echo "\${pair%%:*}" >>\$known
    fi
done

if [ -z "\$2" ]; then
    dpkg-trigger --no-await nginx-reload
    exit 0
fi

# nodes of the previous build go on meanwhile, and if it fails; a database that
# is ahead, as a still newer package was rolled back, needs nothing

DATABASES=
[ ! -f /etc/default/zwfw ] || . /etc/default/zwfw

if [ -n "\$DATABASES" ] && dpkg --compare-versions "\$2" lt "$1"; then
    code=0
    zwfw migrate \$DATABASES || code=\$?

    if [ "\$code" = 9 ]; then
        echo "ngx-zwfw: a newer version has migrated it, it is left as it is;" >&2
        echo "/api/health says whether this one works with it" >&2

    elif [ "\$code" != 0 ]; then
        exit "\$code"
    fi
fi

if invoke-rc.d --quiet nginx status >/dev/null; then
    invoke-rc.d nginx upgrade || invoke-rc.d nginx restart
fi
TEXT
    } >DEBIAN/postinst
    {
        package_script
        cat <<'TEXT'
if [ "$1" = remove ] || [ "$1" = deconfigure ]; then
    for link in $(ours .conf); do
        mv "$link" "$link.removed"
    done
fi
TEXT
    } >DEBIAN/prerm
    {
        package_script
        cat <<'TEXT'
if [ "$1" = purge ]; then
    for link in $(ours .conf) $(ours .conf.removed); do
        rm -f "$link"
    done

    rm -rf "${known%/*}"
fi

if [ "$1" = remove ]; then
    dpkg-trigger --no-await nginx-reload
fi
TEXT
    } >DEBIAN/postrm
    chmod 755 DEBIAN/preinst DEBIAN/postinst DEBIAN/prerm DEBIAN/postrm
}

# how each of them begins

package_script() {
    cat <<'TEXT'
#!/bin/sh
set -e

enabled=/etc/nginx/modules-enabled
available=/usr/share/nginx/modules-available
known=/var/lib/ngx-zwfw/modules

# links to files of this package, whose names end so

ours() {
    for link in "$enabled"/*"$1"; do
        case $(readlink "$link") in
        */usr/share/nginx/modules-available/mod-zwfw-*.conf)
            echo "$link"
            ;;
        esac
    done
}

file_of() {
    basename "$(readlink "$1")"
}

TEXT
}

# a tree that "install" works from, without a compiler

package_tarball() {
    local name=ngx-zwfw-$1 file

    mkdir -p "$STAGED/$name/dist"
    (cd "$ROOT" && tar --exclude='./dist/*.deb' -cf - build.sh README.md \
        LICENSE conf html modules) | tar -C "$STAGED/$name" -xf -

    for file in MANIFEST include $(installable); do
        cp -R "$DIST/$file" "$STAGED/$name/dist/"
    done

    tar -C "$STAGED" --owner=root --group=root --sort=name -czf "$2" "$name" \
        || die 7 "tar failed"
}
