# Asks the agent for a rotation, and prints each answer as a line. Ends by itself, whatever becomes of the agent.
use strict;
use warnings;
use IO::Socket::UNIX;

alarm 240;
my $agent = IO::Socket::UNIX->new(Peer => "/run/lapwing/agent.sock") or exit;
$agent->autoflush(1);
$SIG{PIPE} = "IGNORE";
print $agent qq({"method":"org.lapwing.Agent.ResetPassword","parameters":{}}\0);
$/ = "\0";
$\ = "\n";
my $answer = <$agent>;
exit if !defined $answer;
chomp $answer;
print $answer;
# The agent hangs up after its last answer once we do.
shutdown $agent, 1;
while (defined($answer = <$agent>)) {
    chomp $answer;
    print $answer;
}
