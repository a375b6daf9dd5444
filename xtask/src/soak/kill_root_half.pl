# Waits up to a second for a process of the root half, lets it go on for a while, and kills it; one that has ended by itself
# meanwhile leaves the next to be waited for. Argument: that while, in milliseconds. Ends with code 1 when it met none.
use strict;
use warnings;

my ($age_ms) = @ARGV;
for (1 .. 500) {
    for my $process (glob "/proc/[0-9]*") {
        open my $comm, "<", "$process/comm" or next;
        next if (<$comm> // "") ne "lapwingd-priv\n";
        select(undef, undef, undef, $age_ms / 1000);
        exit 0 if kill "KILL", substr($process, 6);
    }
    select(undef, undef, undef, 0.002);
}
exit 1;
