#!/bin/sh
# In a node: install every runtime that Debian 12 packages, or make each of them run something. Nothing here needs KVM or an image registry.
set -eu
base=/opt/zoo

install() {
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  apt-get install -y -qq --no-install-recommends busybox-static podman crun runsc lxc lxd systemd-container qemu-system-x86 \
    libvirt-daemon-system libvirt-clients uidmap >/dev/null 2>&1
  mkdir -p "$base/root/bin" "$base/root/etc" "$base/root/usr/lib" "$base/root/sbin"
  for folder in proc sys dev tmp run; do mkdir -p "$base/root/$folder"; done
  cp /bin/busybox "$base/root/bin/busybox"
  for applet in sh sleep; do ln -sf busybox "$base/root/bin/$applet"; done
  # not linked to sleep: LXD starts /sbin/init and nothing else
  printf '#!/bin/sh\nexec /bin/sleep 1000000\n' >"$base/root/sbin/init"
  chmod 755 "$base/root/sbin/init"
  printf 'ID=busybox\n' >"$base/root/usr/lib/os-release"
  ln -sf ../usr/lib/os-release "$base/root/etc/os-release"
}

podman_runs() {
  tar -C "$base/root" -c . | podman import --quiet - zoo/busybox:1 >/dev/null
  podman run --quiet --detach --name zoo-podman --net=none zoo/busybox:1 /bin/sleep 1000000 >/dev/null
  podman create --quiet --name zoo-podman-idle --net=none zoo/busybox:1 /bin/sleep 1000000 >/dev/null
}

lxc_runs() {
  for name in zoo-lxc zoo-lxc-idle; do
    mkdir -p "/var/lib/lxc/$name"
    cp -a "$base/root" "/var/lib/lxc/$name/rootfs"
    printf '%s\n' "lxc.uts.name = $name" "lxc.rootfs.path = dir:/var/lib/lxc/$name/rootfs" 'lxc.net.0.type = empty' \
      'lxc.init.cmd = /sbin/init' 'lxc.apparmor.profile = unconfined' >"/var/lib/lxc/$name/config"
  done
  lxc-start -n zoo-lxc
}

lxd_runs() {
  lxd init --preseed <<PRESEED
storage_pools: [{name: default, driver: dir}]
profiles: [{name: default, devices: {root: {path: /, pool: default, type: disk}}}]
PRESEED
  mkdir -p "$base/image"
  cp -a "$base/root" "$base/image/rootfs"
  printf 'architecture: x86_64\ncreation_date: 1700000000\n' >"$base/image/metadata.yaml"
  tar -C "$base/image" -czf "$base/image.tar.gz" metadata.yaml rootfs
  lxc image import "$base/image.tar.gz" --alias zoo </dev/null
  for name in zoo-lxd zoo-lxd-idle; do lxc init --quiet zoo "$name" --config security.privileged=true </dev/null; done
  lxc start --quiet zoo-lxd </dev/null
}

nspawn_runs() {
  for name in zoo-nspawn zoo-nspawn-idle; do cp -a "$base/root" "/var/lib/machines/$name"; done
  systemd-run --quiet --unit=zoo-nspawn systemd-nspawn --quiet --machine=zoo-nspawn --directory=/var/lib/machines/zoo-nspawn /sbin/init
}

low_level_runs() {
  mkdir -p "$base/bundle"
  cd "$base/bundle"
  cp -a "$base/root" rootfs
  runc spec
  sed -i -e 's/"terminal": true/"terminal": false/' -e 's/"sh"/"sleep", "1000000"/' config.json
  runc run --detach zoo-runc </dev/null >/dev/null 2>&1
  crun run --detach zoo-crun </dev/null >/dev/null 2>&1
  runsc --network=none --ignore-cgroups run --detach zoo-runsc </dev/null >/dev/null 2>&1
  cd /
}

machines_run() {
  qemu-system-x86_64 -name zoo-qemu -machine pc,accel=tcg -m 64 -nodefaults -display none -S -daemonize
  for name in zoo-domain zoo-domain-idle; do
    cat >"$base/$name.xml" <<DOMAIN
<domain type='qemu'><name>$name</name><memory unit='MiB'>64</memory><os><type arch='x86_64' machine='pc'>hvm</type></os>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator></devices></domain>
DOMAIN
    virsh --quiet define "$base/$name.xml"
  done
  virsh --quiet start zoo-domain --paused
  virsh --quiet net-start default
}

swarm_runs() {
  address=$(ip -4 -o address show dev eth0 | awk '{ sub("/.*", "", $4); print $4; exit }')
  docker swarm init --advertise-addr "$address" >/dev/null
  docker service create --quiet --name zoo-swarm --no-resolve-image lab/busybox:1.35 sleep 1000000 >/dev/null
}

case $1 in
  install) install ;;
  run)
    podman_runs
    lxc_runs
    lxd_runs
    nspawn_runs
    low_level_runs
    machines_run
    swarm_runs
    ;;
  *)
    echo "zoo.sh: install or run, not $1" >&2
    exit 2
    ;;
esac
