// Two small programs in perl, which every Debian and Ubuntu has: one listens for some seconds, one probes ports.

/**
 * perl: arguments SECONDS ADDRESS KIND:PORT..., KIND is tcp or udp. Listens until its stdin ends, at most SECONDS, so
 * it does not outlive the connection that started it. Skips a port that is in use.
 */
export const listenScript = String.raw`use strict; use Socket;
my ($seconds, $address, @ports) = @ARGV;
my ($wanted, %kind, %socket) = ('');
vec($wanted, 0, 1) = 1;
for (@ports) {
  my ($kind, $port) = split /:/;
  socket(my $s, PF_INET, $kind eq 'tcp' ? SOCK_STREAM : SOCK_DGRAM, 0) or die "socket: $!";
  setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1) if $kind eq 'tcp';
  bind($s, sockaddr_in($port, inet_aton($address))) or next;
  listen($s, 128) if $kind eq 'tcp';
  vec($wanted, fileno $s, 1) = 1;
  ($kind{fileno $s}, $socket{fileno $s}) = ($kind, $s);
}
my $end = time + $seconds;
while (time < $end) {
  select(my $ready = $wanted, undef, undef, 1) > 0 or next;
  last if vec($ready, 0, 1) and not sysread(STDIN, my $byte, 1);
  for my $n (keys %socket) {
    next unless vec($ready, $n, 1);
    if ($kind{$n} eq 'tcp') { my $caller; accept($caller, $socket{$n}) and close $caller }
    else { my $from = recv($socket{$n}, my $said, 64, 0); send($socket{$n}, $said, 0, $from) if $from }
  }
}`

/**
 * perl: arguments SECONDS KIND:PORT,PORT...:ADDRESS,ADDRESS... Connects to all ports at once, for at most SECONDS. Then
 * prints `KIND ADDRESS PORT HOW` for each, where HOW is open, silent, refused or unreachable.
 */
export const probeScript = String.raw`use strict; use IO::Socket::INET;
my ($seconds, @probes) = @ARGV;
my $end = time + $seconds;
for (map { my ($kind, $ports, $hosts) = split /:/; map { my $host = $_; map { [$kind, $host, $_] } split /,/, $ports } split /,/, $hosts } @probes) {
  defined(my $child = fork) or die "fork: $!";
  next if $child;
  my ($kind, $address, $port) = @$_;
  my $how = '';
  while ($how ne 'open' and time < $end) {
    # A refusal comes at once: whoever listens may only be about to.
    select(undef, undef, undef, 0.2) if $how;
    $! = 0;
    my $s = IO::Socket::INET->new(Proto => $kind, PeerAddr => $address, PeerPort => $port, Timeout => $end - time);
    if ($s and $kind eq 'udp') {
      send($s, 'keybuzz', 0);
      vec(my $ready = '', fileno $s, 1) = 1;
      undef $s unless select($ready, undef, undef, 0.3) and defined recv($s, my $said, 64, 0);
    }
    $how = $s ? 'open' : $!{ECONNREFUSED} ? 'refused' : $! && !$!{ETIMEDOUT} ? 'unreachable' : 'silent';
  }
  print "$kind $address $port $how\n";
  exit;
}
1 while wait > 0;`
