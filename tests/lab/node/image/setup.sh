#!/bin/sh
# Run once in the node image, after its files and binaries were laid in: what a machine's first set-up does.
set -eu
mv /usr/sbin/runc /usr/sbin/runc.real
mv /usr/sbin/runc.lab-wrapper /usr/sbin/runc
systemctl mask systemd-udevd.service systemd-networkd.service systemd-resolved.service getty.target console-getty.service systemd-logind.service
systemctl enable ssh.service docker.service containerd.service kubelet.service pod-routes.service
rm -f /etc/machine-id /etc/ssh/ssh_host_*
for user in admin ops nosudo; do
  useradd --create-home --shell /bin/bash "$user"
  install -d -m 0700 -o "$user" -g "$user" "/home/$user/.ssh"
done
install -d -m 0700 /root/.ssh
printf 'admin:lab-sudo-secret\n' | chpasswd
printf 'admin ALL=(ALL) ALL\n' > /etc/sudoers.d/admin
printf 'ops ALL=(ALL) NOPASSWD: ALL\n' > /etc/sudoers.d/ops
chmod 0440 /etc/sudoers.d/admin /etc/sudoers.d/ops
rm /setup.sh
