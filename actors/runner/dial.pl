# Connects standard input and output with a port of this network; the first line tells how it went.
use strict;
use warnings;
use Errno;
use IO::Socket;

my $there = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $ARGV[0], Proto => 'tcp');
if (!$there) {
    my ($name) = grep { $!{$_} } qw(ECONNREFUSED ETIMEDOUT EHOSTUNREACH);
    syswrite(STDOUT, ($name // 'EIO') . "\n");
    exit 0;
}
syswrite(STDOUT, "+\n");

sub carry {
    my ($from, $to) = @_;
    while (my $got = sysread($from, my $data, 65536)) {
        for (my $at = 0; $at < $got;) {
            my $written = syswrite($to, $data, $got - $at, $at) // exit 1;
            $at += $written;
        }
    }
}

my $child = fork() // exit 1;
if ($child == 0) {
    carry(\*STDIN, $there);
    shutdown($there, 1);
    exit 0;
}
close(STDIN);
carry($there, \*STDOUT);
close(STDOUT);
waitpid($child, 0);
