#!/bin/sh
# Stops Lapwing on this host with nothing undecided, so that the directory's current password opens the account without it.
# Packages run this before they are removed, and are not removed if it fails. It may be run by hand; what it stops,
# `systemctl start lapwingd` starts again.
set -eu

priv=/usr/libexec/lapwing/lapwingd-priv
state=/var/lib/lapwing-priv
# Made by root for a directory that is gone for good; forgotten at the next boot.
anyway=/run/lapwing/remove-anyway

# The root half's requests are processes of their own, which their unit ends after two minutes. None of them is cut off.
requests() {
    systemctl list-units --plain --no-legend --state=active,activating,deactivating 'lapwing-priv@*.service'
}

stop() {
    systemctl stop lapwingd.service lapwingd.socket lapwing-log-on.socket lapwing-priv.socket
    while [ -n "$(requests)" ]; do sleep 0.1; done
}

start() {
    if [ "$found" = active ]; then
        systemctl start lapwing-priv.socket lapwing-log-on.socket lapwingd.socket lapwingd.service
    fi
}

# Whether a password was prepared of which nobody knows if the directory has it, or the journal cannot be read.
undecided() {
    journal=$("$priv" show) || return 0
    case "$journal" in *"candidate "*) return 0 ;; *) return 1 ;; esac
}

# Removed packages and images that are being made have no systemd to ask.
if [ ! -d /run/systemd/system ]; then
    stop() { :; }
    start() { :; }
else
    found=$(systemctl show --property=ActiveState --value lapwingd.service)
fi

if [ ! -e "$state/journal" ]; then
    stop
    exit 0
fi

for _ in 1 2 3; do
    # Whatever became of earlier ones, a password that is committed now settles them.
    if undecided && ! lapwing reset-password >/dev/null && [ ! -e "$anyway" ]; then
        break
    fi
    stop
    # What it cannot finish shows in the journal, which is looked at next.
    "$priv" recover || echo "lapwing: what was begun could not be finished; looking at what that leaves" >&2
    if ! undecided; then
        # Nobody would open it later.
        "$priv" open
        : >"$state/retired"
        "$priv" show | while read -r _ _ account directory; do
            case "$directory" in
            ad:*) read="lapwing get-ad-password $(uname -n)" ;;
            *) read="lapwing get-aad-password $(uname -n) --include-passwords" ;;
            esac
            echo "lapwing: the password of $account is no longer changed; $directory holds the one that is in force"
            echo "  next: read it with \`$read\`"
        done
        exit 0
    fi
    if [ -e "$anyway" ]; then
        "$priv" open
        echo "lapwing: stopped while a change is undecided, as $anyway says; the directory's current password may not open the account" >&2
        exit 0
    fi
    # A rotation began in between.
    start
done

start
echo "lapwing: cannot stop now: a change is undecided, so that the directory's current password may not open the account" >&2
echo "  next: see \`lapwing status\`, and try again once the directory answers; if it never will, \`touch $anyway\` first" >&2
exit 1
