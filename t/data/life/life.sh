# What happens to the package, in the system that t/lib/Life.pm has made: prints
# "ok name" for each step, up to the first that is "not ok": life.sh WORKERS.

workers=$1

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

# two of each kind, NAME1 and NAME2; "@" is their number

ask() {
    local name=$1

    shift
    perl /deb/ask.pl "${name}1" "${@//@/1}" &
    perl /deb/ask.pl "${name}2" "${@//@/2}" &
}

# ten answers more, of each who asks, all of them good

still() {
    local name good

    for name in $(printf '%s\n' "$@" | sed 'h; s/$/1/p; g; s/$/2/'); do
        rm -f "/deb/$name.good"
        good=1
        wait_until test -e "/deb/$name.good" || good=

        if [ -z "$good" ] || [ -e "/deb/$name.bad" ]; then
            echo "$name: ${good:-no ten good answers in time}"
            head -n 20 "/deb/$name.bad" /deb/submit.log
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
    local pid slice count=0

    for pid in $(pgrep -f 'nginx: worker process$'); do
        ! grep -q 'zwfw.*deleted' "/proc/$pid/maps" || return 1

        for slice in core "$@"; do
            grep -q "zwfw_$slice" "/proc/$pid/maps" || return 1
        done

        count=$((count + 1))
    done

    [ "$count" = "$workers" ]
}

unloaded() {
    ! grep -q "zwfw${1-}" $(pgrep -f 'nginx: ' | sed 's|.*|/proc/&/maps|') \
        2>/dev/null
}

# nginx would start, and these are enabled, by a link that leads somewhere

enabled() {
    local links

    links=$(cd /etc/nginx/modules-enabled && echo *zwfw*.conf)
    [ "$(sed -E 's/40-mod-zwfw-[0-9]+-|\.conf//g' <<<"$links")" = "$*" ] \
        && ls -L /etc/nginx/modules-enabled/*.conf >/dev/null && nginx -t -q
}

not() {
    ! "$@"
}

middle() {
    dpkg --force-confold -i /deb/middle.deb >/deb/middle.log 2>&1
}

# all that is there but what the servers keep: what it is, whose, and of files how
# long and from when

files() {
    find /etc /usr /var/lib /root \( -path /var/lib/postgresql \
        -o -path /var/lib/redis -o -path '/var/lib/nginx/*' \
        -o -path '/var/lib/zwfw/files/*' \
        -o -path '/var/lib/dpkg/*' -not -path '/var/lib/dpkg/info*' \) -prune \
        -o -type d -printf '%p %m %u:%g\n' \
        -o -printf '%p %y %m %u:%g %s %T@ %l\n' | sort
}

ip link set lo up
cat >/etc/nginx/sites-enabled/default <<'CONF'
server {
    listen 80;
    location /lua { content_by_lua_block { ngx.say("lua ", 6 * 7) } }
    location /nchan { nchan_publisher; nchan_channel_id $arg_id; }
    location /news { nchan_subscriber longpoll; nchan_channel_id $arg_id; }
}
CONF

sed -i "s/^worker_processes .*/worker_processes $workers;/" /etc/nginx/nginx.conf
invoke-rc.d nginx start
pg=$(find /etc/postgresql -mindepth 2 -maxdepth 2 -name main)
pg_ctlcluster "$(basename "${pg%/main}")" main start
redis-server --port 6379 --bind 127.0.0.1 --daemonize yes --save '' >/dev/null
ask lua 80 GET /lua '200 OK.*lua 42'
other=(lua)

if [ "$workers" = 1 ]; then
    ask nchan 80 POST '/nchan?id=@' '20[12]' publish
    ask news 80 GET '/news?id=@' '200 OK' subscribe
    other+=(nchan news)
fi

say 'another site is served, nchan and lua are loaded' still "${other[@]}"

# what is the administrator's

echo 'zwfw www-data zwfw_web' >>"$pg/pg_ident.conf"
sed -i '1i local all zwfw_web peer map=zwfw' "$pg/pg_hba.conf"
runuser -u postgres -- psql -qc 'SELECT pg_reload_conf()' >/dev/null
(umask 077; echo "1 $(openssl rand -hex 32)" >/etc/nginx/zwfw.keys)
install -d -m 700 -o www-data /var/lib/zwfw /var/lib/zwfw/files
mkdir -m 700 /root/kept
files >/deb/before

dpkg -i /deb/old.deb
say 'installed' test "$(dpkg-query -W -f='${Version}' ngx-zwfw)" = 1.0
say 'and enabled' enabled core auth item case monitor
say 'and loaded' wait_until loaded auth item case monitor
say 'the other site goes on' still "${other[@]}"

# configured as README.md says

say 'zwfw migrate' zwfw migrate zwfw_test
runuser -u postgres -- psql -Xq -v ON_ERROR_STOP=1 -v platform=shandong \
    -v code=370000 -d zwfw_test </deb/demo.sql >/dev/null
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
    zwfw_insecure_cookies on;
    location /api/ { zwfw_api; }
    location / { zwfw_pages /usr/share/zwfw/html; }
}
CONF
invoke-rc.d nginx reload
say 'a platform works' wait_until node_is 1 1
say 'zwfw backup' zwfw backup /root/kept/backup zwfw_test \
    /var/lib/zwfw/files /etc/nginx/zwfw.keys
ask page 81 GET /help '200 OK.*<h1>'
ask item 81 GET /api/item/topics '200 OK.*"items"'
perl /deb/submit.pl >/deb/submit.log 2>&1 &
all=(page item submit "${other[@]}")
say 'and is asked' still page item submit

# what an administrator may do

echo '# of here' >>/etc/nginx/snippets/zwfw-site.conf
sed -i 's/^DATABASES=.*/DATABASES="zwfw_test"/' /etc/default/zwfw

# a removal that fails: dpkg takes it back

cp -p /var/lib/dpkg/info/ngx-zwfw.prerm /root/kept/
echo 'exit 1' >>/var/lib/dpkg/info/ngx-zwfw.prerm
say 'a removal that fails' not dpkg -r ngx-zwfw
cp -p /root/kept/ngx-zwfw.prerm /var/lib/dpkg/info/
say 'changes nothing' enabled core auth item case monitor
say 'no request fails' still "${all[@]}"

dpkg --force-confold -i /deb/new.deb
say 'upgraded' wait_until node_is 2 2
say 'one slice is new, one is no more' enabled core auth hello item case
say 'to the new modules' wait_until loaded auth hello item case
say 'and no other' wait_until unloaded _monitor
say 'the new slice answers' answers /api/hello/ '"items".*"id":1,'
say 'and pages' answers /help '<h1>2.0 '
say 'what was changed here is kept' grep -qx '# of here' \
    /etc/nginx/snippets/zwfw-site.conf
say 'and not what was changed there' not grep -qx '# of 2.0' \
    /etc/nginx/snippets/zwfw-site.conf
say 'which is beside it' grep -qx '# of 2.0' \
    /etc/nginx/snippets/zwfw-site.conf.dpkg-dist
say 'no request fails' still "${all[@]}"
rm /etc/nginx/modules-enabled/*-hello.conf
dpkg --force-confold -i /deb/new.deb
say 'what was taken out stays out' enabled core auth item case
say 'of nginx as well' wait_until unloaded _hello
say 'no request fails' still "${all[@]}"
invoke-rc.d nginx reload
say 'nor by a reload' still "${all[@]}"

dpkg --force-confold -i /deb/old.deb
say 'rolled back' wait_until node_is 1 2
say 'to the slices of then' enabled core auth item case monitor
say 'to the old modules' wait_until loaded auth item case monitor
say 'and pages' not answers /help '<h1>2.0 '
say 'what was changed here is kept' grep -qx '# of here' \
    /etc/nginx/snippets/zwfw-site.conf
say 'no request fails' still "${all[@]}"

# one in between, whose database is ahead

say 'upgraded below a database that is ahead' middle
say 'as it says' grep -q 'a newer version has migrated it' /deb/middle.log
say 'it is that one' test "$(dpkg-query -W -f='${Version}' ngx-zwfw)" = 1.1
say 'and works' wait_until node_is 1 2
say 'no request fails' still "${all[@]}"

touch /deb/{page,item,submit}{1,2}.stop
say 'who handed in has counted' wait_until test -e /deb/submit.end
cat /deb/submit.log
say 'each once, and none was lost' not grep -q '^not ok' /deb/submit.log
rm /etc/nginx/conf.d/zwfw.conf
dpkg -r ngx-zwfw
say 'removed' not ls /usr/lib/nginx/modules/ngx_http_zwfw_core_module.so
say 'and not loaded' wait_until unloaded
say 'its configuration stays' test -f /etc/nginx/snippets/zwfw-site.conf
say 'nginx has no doubt' nginx -t -q
say 'the other site goes on' still "${other[@]}"

dpkg --force-confold -i /deb/old.deb
say 'installed again, it is enabled as before' enabled core auth item case monitor
say 'and loaded' wait_until loaded auth item case monitor
dpkg -P ngx-zwfw
say 'purged' wait_until unloaded
say 'what is of the platform is there' test -f /root/kept/backup/MANIFEST \
    -a -n "$(ls /var/lib/zwfw/files)"
rm -r /root/kept/*
files >/deb/after
say 'nothing is left, and nothing is gone' diff /deb/before /deb/after
say 'the other site has noticed nothing' still "${other[@]}"
touch /deb/{lua,nchan,news}{1,2}.stop
say 'nor has the log' not grep -E 'alert|emerg|crit|signal 11' \
    /var/log/nginx/error.log
echo 'ok the end'
