# Prints the name of each place that holds any of the byte strings on standard input (hexadecimal, one a line).
# Arguments: `files` and folders, or `memory` and numbers of processes.
use strict;
use warnings;

my @needles = map { chomp; pack("H*", $_) } <STDIN>;
my $any = join("|", map { quotemeta } @needles);
my ($overlap) = sort { $b <=> $a } map { length } @needles;
my ($kind, @where) = @ARGV;

# Whether the next $left bytes of a file hold one; where it ends or cannot be read, the search ends.
sub holds {
    my ($file, $left) = @_;
    my $seen = "";
    while ($left > 0) {
        my $count = sysread($file, my $chunk, $left < 1 << 20 ? $left : 1 << 20);
        return 0 unless $count;
        $left -= $count;
        $seen .= $chunk;
        return 1 if $seen =~ /$any/;
        $seen = substr($seen, -$overlap) if length($seen) > $overlap;
    }
    return 0;
}

if ($kind eq "files") {
    my @aside = map { ("-path", $_, "-prune", "-o") } qw(/proc /sys /dev);
    open(my $list, "-|", "find", @where, @aside, "-type", "f", "-print0") or die "find: $!";
    local $/ = "\0";
    while (my $path = <$list>) {
        chomp $path;
        # Gone meanwhile: then it holds nothing.
        open(my $file, "<:raw", $path) or next;
        print "$path\n" if holds($file, 1 << 40);
    }
} else {
    for my $process (@where) {
        open(my $maps, "<", "/proc/$process/maps") or die "maps of $process: $!";
        open(my $memory, "<:raw", "/proc/$process/mem") or die "memory of $process: $!";
        while (<$maps>) {
            my ($from, $to) = /^([0-9a-f]+)-([0-9a-f]+) rw/ or next;
            ($from, $to) = (hex($from), hex($to));
            sysseek($memory, $from, 0) or die "memory of $process at $from: $!";
            print "$process $_" if holds($memory, $to - $from);
        }
    }
}
