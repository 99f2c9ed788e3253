package Steps;

# Has a worker die before the n-th step of a request: a step is a call of a
# function of the system, of libpq or of libcrypto.  The request is the one with
# the header X-Steps, over a connection that is closed behind it.
#
#     my $steps = Steps->new;
#     my %env = $steps->env;        # in which nginx is to be started
#     $steps->arm(17);              # undef: it is counted, 0: not even that
#     ...
#     $steps->state;                # { pid, count, done, died, name }
#
# The library that counts is t/data/steps/steps.c, which the compiler makes
# together with a function for each name that nginx, libpq or a module of ours
# takes from the system and that is in the list below.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Temp;

use Preload;

my $never = 0xffffffff;
my $format = 'LllLLLZ40';

# what reads or changes more than its own memory, or is what a decision hangs on

my $step = qr/^(?:PQ\w+|RAND_bytes|CRYPTO_memcmp|SHA256_(?:Init|Final)
    |EVP_(?:Digest|DigestInit_ex|DigestFinal_ex|Q_mac|MAC_init|MAC_final
           |KDF_derive|EncryptInit_ex|EncryptUpdate)
    |accept4?|access|bind|clock_gettime|connect|epoll_(?:ctl|wait)|fcntl(?:64)?
    |flock|f?stat(?:at)?(?:64)?|lstat64|fsync|fdatasync|ftruncate64
    |getsock(?:opt|name)|gettimeofday|ioctl|kill|mkdir(?:at)?|open(?:at)?(?:64)?
    |poll|posix_(?:fadvise64|fallocate64|memalign)
    |pread(?:64)?|pwritev?(?:64)?|pthread_(?:mutex_lock|cond_signal)
    |readv?|recvmsg|rename(?:at)?|send(?:to|msg|file64)?|setsockopt|shutdown
    |socket|unlink(?:at)?|writev?)$/x;


sub new {
    my $class = shift;

    my $self = bless {
        dir => File::Temp->newdir('zwfw-st-XXXXXX', TMPDIR => 1),
    }, $class;

    chmod 0755, $self->{dir};
    $self->build;
    $self->arm(undef);

    return $self;
}


sub build {
    my $self = shift;

    my @names = names();
    my $code = "$self->{dir}/calls.c";

    open my $out, '>', $code or die "$code: $!\n";
    print $out "void *steps_real(const char *name);\n",
        "void steps_call(const char *name);\n";

    # integers and pointers are all that these take and return, at most twelve

    for (@names) {
        my $take = join ', ', map { "long $_" } 'a' .. 'l';

        print $out <<"END";
long $_($take);
long $_($take)
{
    static long (*real)($take);
    if (!real) { real = (long (*)($take)) steps_real("$_"); }
    steps_call("$_");
    return real(a, b, c, d, e, f, g, h, i, j, k, l);
}
END
    }

    close $out or die "$code: $!\n";

    Preload::build($self->library, abs_path('t/data/steps/steps.c'), $code);
}


# what is taken from libraries, of these names

sub names {
    my $nginx = $ENV{TEST_NGINX_BINARY} || $ENV{NGINX} || 'nginx';
    my ($path) = grep { -x } $nginx, map { "$_/$nginx" } split /:/, $ENV{PATH};
    $path = "$1/objs/nginx" if $ENV{SANITIZE} && $path =~ m{(.*)/};   # no script
    my @modules = split ' ', $ENV{TEST_NGINX_LOAD_MODULES};
    my %name;

    my ($libpq) = map { m{=> (\S*/libpq\.so\S*)} } run('ldd', @modules);

    for (run('nm', '-D', '--undefined-only', $modules[0], $libpq // (), $path,
             @modules[1 .. $#modules]))
    {
        my ($symbol) = /\sU (\w+)/ or next;
        $name{$symbol} = 1 if $symbol =~ $step;
    }

    delete @name{qw(recv close)};
    die "nothing is called of libraries\n" if keys %name < 40;
    return sort keys %name;
}


sub run {
    open my $out, '-|', @_ or die "$_[0]: $!\n";
    my @lines = <$out>;
    close $out;
    return @lines;
}


sub library {
    return "$_[0]{dir}/steps.so";
}


# with what nginx is to be started

sub env {
    my $self = shift;

    return (Preload::env($self->library),
            ZWFW_STEPS => "$self->{dir}/told");
}


# undef: the request is counted, and nobody dies

sub arm {
    my ($self, $n) = @_;

    my $file = "$self->{dir}/told";

    open my $out, -f $file ? '+<' : '+>', $file or die "$file: $!\n";
    syswrite $out, pack $format, 0, (0) x 5, '';
    sysseek $out, 0, 0;
    syswrite $out, pack 'L', $n // $never;
    close $out or die "$file: $!\n";
}


sub state {
    my $self = shift;

    my $file = "$self->{dir}/told";
    my %state;

    open my $in, '<', $file or die "$file: $!\n";
    sysread $in, my $text, 100;
    (undef, @state{qw(pid fd count done died name)}) = unpack $format, $text;

    return \%state;
}


1;
