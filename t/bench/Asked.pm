package Asked;

# Sides of the row of a guard that asks Redis each time: ours, whose cache is
# too small for those who come one after the other; and a guard of the same
# work in Lua, as it is written with Debian's modules: the hash of the cookie,
# the session and whether it is in use by one pipeline over a kept connection,
# who it is and at which level.
#
#     Asked::present()          # are the modules of Lua installed?
#     Asked::main(), Asked::http(), Asked::conf()
#     Asked::sides($bench)

use strict;
use warnings;

use Bench;
use List::Util qw(sum0);

use constant PEOPLE => 4000;

my $modules = '/usr/lib/nginx/modules';
my @modules = map { "$modules/$_.so" } qw(ndk_http_module ngx_http_lua_module);


sub present {
    return !grep { !-f } @modules, '/usr/share/lua/5.1/nginx/redis.lua';
}


sub main {
    return join '', map { "load_module $_;\n" } @modules;
}


sub http {
    my ($socket) = ($ENV{TEST_NGINX_ZWFW_REDIS} // '') =~ /^(unix:\S+)/;

    return Bench::platform('narrow', 'zone_size 128k;') . <<"END";
    lua_code_cache on;
    init_by_lua_block {
        local ffi = require 'ffi'
        local json = require 'cjson.safe'
        local redis = require 'nginx.redis'
        local band = require('bit').band

        ffi.cdef 'unsigned char *SHA256(const char *, size_t, unsigned char *);'

        local crypto = ffi.load 'libcrypto.so.3'
        local digest = ffi.new 'unsigned char[32]'
        local hex = {}

        for i = 0, 255 do
            hex[string.char(i)] = string.format('%02x', i)
        end

        function guard()
            local token = ngx.var.cookie_zwfw

            if not token then
                return ngx.exit(401)
            end

            crypto.SHA256(token, #token, digest)

            local id = ffi.string(digest, 32):gsub('.', hex)
            local r = redis:new()

            r:set_timeout(1000)

            if not r:connect '$socket' then
                return ngx.exit(503)
            end

            r:init_pipeline()
            r:get('zwfw:narrow:s:{' .. id .. '}')
            r:get('zwfw:narrow:t:{' .. id .. '}')

            local found = r:commit_pipeline()

            if not found then
                return ngx.exit(503)
            end

            r:set_keepalive(60000, 64)

            if found[1] == ngx.null or found[2] == ngx.null then
                return ngx.exit(401)
            end

            local session = json.decode(found[1])

            if not session or session.expires <= ngx.time()
                or band(session.who, 2) == 0 or session.level < 1
            then
                return ngx.exit(403)
            end
        end
    }
END
}


# what is behind both costs nginx as little as 1 KiB can

sub conf {
    my $file = <<'END';
            alias $DIR/html/;
            default_type text/html;
            open_file_cache max=100;
            sendfile off;
            tcp_nopush off;
END

    return <<"END";
        location /asked/ {
            zwfw_use narrow;
            zwfw_auth who=natural level=1;
$file        }
        location /lua/ {
            access_by_lua_block { guard() }
$file        }
END
}


sub sides {
    my $bench = shift;

    my $people = $bench->file('asked', join '', map { "$_\n" }
        $bench->keep_sessions_of('narrow', map { {} } 1 .. PEOPLE));

    return map { asked($bench, "/$_/1k.html", $people) } qw(asked lua);
}


# is Redis asked for both keys of each?

sub asked {
    my ($bench, $path, $people) = @_;

    my $side = $bench->http($path, script => <<"END");
local asks, n = {}, 0

function init()
    for token in io.lines("$people") do
        asks[#asks + 1] = wrk.format("GET", nil, { Host = "localhost",
                                     Cookie = "zwfw=" .. token })
    end
end

function request()
    n = n % #asks + 1
    return asks[n]
end
END

    my $ready = $side->{ready};

    $side->{ready} = sub {
        $ready->();
        Bench::redis('CONFIG', 'RESETSTAT');

        my $count = $side->{measure}->()->{count};
        my $gets = sum0(Bench::redis('INFO', 'commandstats')
                        =~ /^cmdstat_get(?:ex)?:calls=(\d+)/mg);

        die "$path: $count requests, $gets answers of Redis\n"
            if $gets < 1.98 * $count;
    };

    return $side;
}


1;
