package Test::Nginx::Socket::Spec;

# Reads what stands behind __DATA__: blocks ("=== name") of sections
# ("--- name filters", or "--- name filters: value" on one line).

use strict;
use warnings;

# evaluated away from main, as the real harness does: main's names need "main::"

sub Test::Nginx::Socket::Sandbox::run {
    package Test::Nginx::Socket::Sandbox;
    my @value = eval $_[0];    ## no critic
    die $@ if $@;
    return @value;
}

my %sections = map { $_ => 1 } qw(
    config http_config main_config user_files log_level must_die
    suppress_stderr request more_headers pipelined_requests raw_request timeout
    wait ignore_response error_code response_body response_body_like
    response_body_unlike response_headers response_headers_like
    raw_response_headers_like error_log no_error_log grep_error_log
    grep_error_log_out
);

# of these the real harness reads the first and silently forgets the second

my @exclusive = (
    [qw(raw_request request)],
    [qw(raw_request pipelined_requests)],
    [qw(pipelined_requests request)],
    [qw(response_body response_body_like)],
    [qw(response_body response_body_unlike)],
    [qw(response_body_like response_body_unlike)],
    [qw(response_headers response_headers_like)],
);

my @common = qw(norm trim);

my %filters = (
    norm  => sub { my $v = shift // ''; $v =~ s/\r\n?/\n/g; $v },
    trim  => sub {
        my $v = shift;
        $v =~ s/\A(?:[ \t]*\n)+//;
        $v =~ s/(?<=\n)\s*\z//;
        return $v;
    },
    chomp => sub { my $v = shift; chomp $v; $v },
    chop  => sub { my $v = shift; chop $v; $v },
    eval  => \&evaluate,
);


sub evaluate {
    my @value = Test::Nginx::Socket::Sandbox::run(shift);

    die "eval gave " . @value . " values, not one\n" if @value > 1;
    return $value[0];
}


sub parse {
    my $text = shift;

    die "Chinese in __DATA__ and \"use utf8\" do not go together\n"
        if utf8::is_utf8($text);

    return map { parse_block($_) } $text =~ /^(===.*?(?=^===|\z))/msg;
}


sub parse_block {
    my $text = shift;

    $text =~ s/\A===[ \t]*(.*)\s+// or die "bad block: $text\n";

    my $block = bless { name => $1 }, 'Test::Nginx::Socket::Block';
    my ($description, @parts) = split /^--- +\(?(\w+)\)? *(.*)?\n/m, $text;

    while (@parts) {
        my ($name, $filters, $value) = splice @parts, 0, 3;

        eval { $block->{$name} = section($block, $name, $filters, $value) };
        die "$block->{name} - section \"$name\": $@" if $@;
    }

    for (@exclusive) {
        my ($one, $other) = @$_;
        die "$block->{name} - section \"$other\" is ignored beside \"$one\"\n"
            if defined $block->{$one} and defined $block->{$other};
    }

    return $block;
}


sub section {
    my ($block, $name, $filters, $value) = @_;

    die "unknown\n" if !$sections{$name};
    die "given twice\n" if exists $block->{$name};

    $filters //= '';
    $value //= '';

    if ($filters =~ /:(?:\s|\z)/) {
        die "lines behind a value on the same line\n" if $value =~ /\S/;
        ($filters, $value) = split /\s*:(?:\s+|\z)/, $filters, 2;
        $value = '' if !defined $value;
        $value =~ s/^\s+|\s+$//g;
    }

    for my $filter (@common, split ' ', $filters) {
        my $code = $filters{$filter} or die "unknown filter \"$filter\"\n";
        $value = $code->($value);
    }

    die "some releases of the real one do not expand \$TEST_NGINX here\n"
        if $name eq 'response_body' and ($value // '') =~ /\$TEST_NGINX_/;

    return $value;
}


package Test::Nginx::Socket::Block;

our $AUTOLOAD;


sub set_value {
    my ($self, $name, $value) = @_;

    $self->{$name} = $value;
}


# a section has a method of its name; undef is its value when it is absent

sub AUTOLOAD {
    my $self = shift;

    return $self->{$AUTOLOAD =~ s/.*:://r};
}


sub DESTROY { }


1;
