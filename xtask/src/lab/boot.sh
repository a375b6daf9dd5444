# Turns a fresh set of namespaces into a machine and becomes its PID 1.
# Arguments: root directory, notification socket, host name, arguments of systemd.
set -eu
root=$1 notify=$2 name=$3
shift 3

mount --bind "$root" "$root"
cd "$root"
mount -t proc -o nosuid,nodev,noexec proc proc
# As systemd has it, which will find this read-only: how many messages wait in a socket of datagrams.
echo 512 >proc/sys/net/unix/max_dgram_qlen
# What is in here is the whole machine's, not this host's: sysrq can restart it.
for shared in proc/sys proc/sysrq-trigger; do
    if [ -e "$shared" ]; then
        mount --bind "$shared" "$shared"
        mount -o remount,bind,ro "$shared"
    fi
done
mount -t sysfs -o ro,nosuid,nodev,noexec sysfs sys
mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755,nosuid,nodev tmpfs run
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs tmp
mount -t tmpfs -o mode=755,nosuid tmpfs dev

mkdir dev/shm dev/pts run/host run/machine
for node in null zero full random urandom tty; do
    : >"dev/$node"
    mount --bind "/dev/$node" "dev/$node"
done
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620,gid=5 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s /proc/self/fd/0 dev/stdin
ln -s /proc/self/fd/1 dev/stdout
ln -s /proc/self/fd/2 dev/stderr
: >run/host/notify
mount --bind "$notify" run/host/notify

hostname "$name"
pivot_root . run/machine
umount -l run/machine
rmdir run/machine
# Without this the directories of `LoadCredential=` stay empty.
mount --make-rshared /
exec env -i container=lab PATH=/usr/sbin:/usr/bin NOTIFY_SOCKET=/run/host/notify /sbin/init "$@" </dev/null
