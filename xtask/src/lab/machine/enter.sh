# Enters what the disk of a booted host lacks for a machine, and leaves out what costs it seconds and is of no use there.
# Arguments: address, gateway, what the shell says before it reads, what it says after each line.

# A card that is set up without the lab.
cat >/etc/systemd/system/lab-network.service <<END
[Unit]
DefaultDependencies=no
Before=network-pre.target
Wants=network-pre.target
[Service]
Type=oneshot
ExecStart=modprobe virtio_net
ExecStart=ip link set eth0 up
ExecStart=ip address add $1/24 dev eth0
ExecStart=ip route add default via $2
[Install]
WantedBy=sysinit.target
END

# Root's shell on the first serial line, once everything else is up.
cat >/etc/systemd/system/lab-shell.service <<END
[Unit]
After=multi-user.target
[Service]
StandardInput=tty-force
StandardOutput=tty
StandardError=tty
TTYPath=/dev/ttyS0
Environment=SYSTEMD_PAGER=cat SYSTEMD_COLORS=0
ExecStart=sh -c 'stty -echo; echo; echo $3; while read -r line; do eval "\$\$line"; echo "$4 \$\$?"; done'
[Install]
WantedBy=multi-user.target
END

# The second serial line is for log-ons. Of a hundred other devices nobody asks udev for anything.
mkdir -p /etc/systemd/system/systemd-udev-trigger.service.d
cat >/etc/systemd/system/systemd-udev-trigger.service.d/lab.conf <<END
[Service]
ExecStart=
ExecStart=udevadm trigger --action=add --sysname-match=ttyS1
END

systemctl --quiet enable lab-network.service lab-shell.service serial-getty@ttyS1.service
systemctl --quiet mask serial-getty@ttyS0.service modprobe@.service \
    dev-hugepages.mount dev-mqueue.mount sys-fs-fuse-connections.mount \
    sys-kernel-config.mount sys-kernel-debug.mount sys-kernel-tracing.mount \
    kmod-static-nodes.service systemd-modules-load.service systemd-pstore.service systemd-random-seed.service \
    systemd-remount-fs.service systemd-sysctl.service systemd-udev-load-credentials.service systemd-update-utmp.service \
    dpkg-db-backup.timer fstrim.timer systemd-tmpfiles-clean.timer
mkdir -p /etc/systemd/system-generators
for generator in debug fstab getty gpt-auto hibernate-resume rc-local run ssh system-update sysv tpm2; do
    ln -sf /dev/null "/etc/systemd/system-generators/systemd-$generator-generator"
done
# Neither are /etc and /var brought up to date with packages that were not updated.
touch /etc/.updated /var/.updated
sync
