# What happens to the package, in the system that t/lib/Life.pm has made: prints
# "ok name" for each step, up to the first that is "not ok".

say() {
    local name=$1

    shift

    if "$@"; then
        echo "ok $name"

    else
        echo "not ok $name: $*"
        tail -n 20 /var/log/nginx/error.log
        exit 1
    fi
}

wait_until() {
    local end=$((SECONDS + 60))

    until "$@"; do
        [ "$SECONDS" -lt "$end" ] || return 1
        sleep 0.2
    done
}

ask() {
    perl /deb/ask.pl "$@" &
}

# ten answers more, of each who asks, all of them good

still() {
    local name

    for name in "$@"; do
        rm -f "/deb/$name.good"
        wait_until test -e "/deb/$name.good" || return 1

        if [ -e "/deb/$name.bad" ]; then
            echo "$name:"
            head -n 20 "/deb/$name.bad"
            return 1
        fi
    done
}

get() {
    perl -MIO::Socket::INET -e '
        my $s = IO::Socket::INET->new(PeerAddr => "127.0.0.1:81") or exit 1;
        print $s "GET $ARGV[0] HTTP/1.0\r\nHost: localhost\r\n\r\n";
        print <$s>' "$1"
}

answers() {
    get "$1" | grep -q -- "$2"
}

node_is() {
    answers /api/health "\"node\":$1,\"database\":$2,"
}

# the workers that are there have these modules, from files that are there

loaded() {
    local pid count=0

    for pid in $(pgrep -f 'nginx: worker process$'); do
        ! grep -q 'zwfw.*deleted' "/proc/$pid/maps" || return 1
        grep -q 'zwfw_core' "/proc/$pid/maps" && count=$((count + 1))
    done

    [ "$count" -gt 0 ]
}

unloaded() {
    ! grep -q zwfw $(pgrep -f 'nginx: ' | sed 's|.*|/proc/&/maps|') 2>/dev/null
}

not() {
    ! "$@"
}

files() {
    find /etc /usr /var/lib/zwfw -not -type d 2>/dev/null \
        | grep -v '/cache\|\.pyc$\|/etc/nginx/zwfw.keys' | sort
}

ip link set lo up
cat >/etc/nginx/sites-enabled/default <<'CONF'
server {
    listen 80;
    location /lua { content_by_lua_block { ngx.say("lua ", 6 * 7) } }
    location /nchan { nchan_publisher; nchan_channel_id one; }
}
CONF

# one worker: nchan hands what is published to the worker that has the channel,
# and one that quits does not wait for that, with or without this package

sed -i 's/^worker_processes .*/worker_processes 1;/' /etc/nginx/nginx.conf
invoke-rc.d nginx start
pg_ctlcluster 15 main start
redis-server --port 6379 --bind 127.0.0.1 --daemonize yes --save '' >/dev/null
ask lua 80 GET /lua '200 OK.*lua 42'
ask nchan 80 POST /nchan '20[12]'
say 'another site is served, by lua and nchan' still lua nchan
files >/deb/before

dpkg -i /deb/old.deb
say 'installed' test "$(dpkg-query -W -f='${Version}' ngx-zwfw)" = 1.0
say 'and loaded' wait_until loaded
say 'in the order of modules' test "$(cd /etc/nginx/modules-enabled \
    && echo *zwfw*core* )" = "$(cd /etc/nginx/modules-enabled \
    && ls -d *zwfw* | head -n 1)"
say 'nginx has no doubt' nginx -t -q
say 'the other site goes on' still lua nchan

# configured as README.md says

echo 'zwfw www-data zwfw_web' >>/etc/postgresql/15/main/pg_ident.conf
sed -i '1i local all zwfw_web peer map=zwfw' /etc/postgresql/15/main/pg_hba.conf
runuser -u postgres -- psql -qc 'SELECT pg_reload_conf()' >/dev/null
say 'zwfw migrate' zwfw migrate zwfw_test
(umask 077; echo "1 $(openssl rand -hex 32)" >/etc/nginx/zwfw.keys)
install -d -m 700 -o www-data /var/lib/zwfw/files
cat >/etc/nginx/conf.d/zwfw.conf <<'CONF'
zwfw_platform test {
    code 370000; kind province; base_url http://localhost;
    postgres "host=/run/postgresql user=zwfw_web dbname=zwfw_test";
    redis 127.0.0.1:6379; keys /etc/nginx/zwfw.keys;
    files /var/lib/zwfw/files; html /usr/share/zwfw/html;
}
server {
    listen 81;
    zwfw_use test;
    location /api/ { zwfw_api; }
    location / { zwfw_pages /usr/share/zwfw/html; }
}
CONF
invoke-rc.d nginx reload
say 'a platform works' wait_until node_is 1 1
say 'zwfw backup' zwfw backup /root/backup zwfw_test /var/lib/zwfw/files \
    /etc/nginx/zwfw.keys
ask page 81 GET /help '200 OK.*<h1>'
ask item 81 GET /api/item/topics '200 OK.*"items"'
say 'and is asked' still page item
echo '# of here' >>/etc/nginx/snippets/zwfw-site.conf
sed -i 's/^DATABASES=.*/DATABASES="zwfw_test"/' /etc/default/zwfw

dpkg -i /deb/new.deb
say 'upgraded' wait_until node_is 2 2
say 'to the new modules' wait_until loaded
say 'and pages' answers /help '<h1>2.0 '
say 'what was changed here is kept' tail -n 1 /etc/nginx/snippets/zwfw-site.conf
say 'no request fails' still page item lua nchan

dpkg -i /deb/old.deb
say 'rolled back' wait_until node_is 1 2
say 'to the old modules' wait_until loaded
say 'and pages' not answers /help '<h1>2.0 '
say 'no request fails' still page item lua nchan

touch /deb/page.stop /deb/item.stop
rm /etc/nginx/conf.d/zwfw.conf
dpkg -r ngx-zwfw
say 'removed' not ls /usr/lib/nginx/modules/ngx_http_zwfw_core_module.so
say 'and not loaded' wait_until unloaded
say 'its configuration stays' test -f /etc/nginx/snippets/zwfw-site.conf
say 'nginx has no doubt' nginx -t -q
say 'the other site goes on' still lua nchan

dpkg -i /deb/old.deb
say 'installed again, it is enabled as before' wait_until loaded
dpkg -P ngx-zwfw
say 'purged' wait_until unloaded
files >/deb/after
say 'nothing is left' diff /deb/before /deb/after
say 'the other site has noticed nothing' still lua nchan
touch /deb/lua.stop /deb/nchan.stop
say 'nor has the log' not grep -E 'alert|emerg|crit|signal 11' \
    /var/log/nginx/error.log
echo 'ok the end'
