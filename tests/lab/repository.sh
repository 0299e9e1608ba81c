#!/bin/sh
# In a node: an apt repository of its own with CRI-O and crictl, packaged as badly as packages are: their scripts enable and start the unit,
# restart Docker and the kubelet, and a network for pods comes along. `greedy`: it conflicts with Docker. The programs are those in
# /opt/binaries where they are there, else stand-ins that tell their version. `containerd`: the node's own again, as an upgrade that restarts.
set -eu
kind=$1
base=/opt/repository
rm -rf "$base"
mkdir -p "$base"

program() { # NAME TARGET: the real one or a stand-in
  if [ -e "/opt/binaries/$1" ]; then
    cp "/opt/binaries/$1" "$2"
  else
    cat >"$2" <<'PROGRAM'
#!/bin/sh
case ${1:-} in
  --version) echo "${0##*/} version 1.23.5" ;;
  config) ;;
  *) exec sleep 1000000 ;;
esac
PROGRAM
  fi
  chmod 755 "$2"
}

package() { # NAME VERSION FIELDS: what lies in $base/NAME
  mkdir -p "$base/$1/DEBIAN"
  printf 'Package: %s\nVersion: %s\nArchitecture: amd64\nMaintainer: lab <lab@lab>\nDescription: %s\n' "$1" "$2" "$1" >"$base/$1/DEBIAN/control"
  [ -z "$3" ] || printf '%s\n' "$3" >>"$base/$1/DEBIAN/control"
  dpkg-deb --root-owner-group -Zgzip -z1 -b "$base/$1" "$base/$1.deb" >/dev/null
  rm -r "${base:?}/$1"
  {
    dpkg-deb -f "$base/$1.deb"
    printf 'Filename: ./%s.deb\nSize: %s\nSHA256: %s\n\n' "$1" "$(wc -c <"$base/$1.deb")" "$(sha256sum "$base/$1.deb" | cut -d' ' -f1)"
  } >>"$base/Packages"
}

finish() {
  echo "deb [trusted=yes] file:$base ./" >/etc/apt/sources.list.d/repository.list
  apt-get update -qq
}

script() { # NAME COMMAND...: its postinst, which tells how each command ended
  package=$1
  shift
  {
    printf '#!/bin/sh\nfor command in'
    printf " '%s'" "$@"
    # shellcheck disable=SC2016 # the postinst expands it
    printf '; do\n  $command </dev/null >/dev/null 2>&1\n  echo "$command exited with $?" >>/var/log/%s.postinst\ndone\nexit 0\n' "$package"
  } >"$base/$package/DEBIAN/postinst"
  chmod 755 "$base/$package/DEBIAN/postinst"
}

if [ "$kind" = containerd ]; then
  mkdir -p "$base/containerd/usr/bin" "$base/containerd/lib/systemd/system" "$base/containerd/DEBIAN"
  cp -p /usr/bin/containerd /usr/bin/containerd-shim-runc-v2 /usr/bin/ctr "$base/containerd/usr/bin"
  cp -p /lib/systemd/system/containerd.service "$base/containerd/lib/systemd/system"
  script containerd 'systemctl daemon-reload' 'systemctl restart containerd.service' 'deb-systemd-invoke restart containerd.service'
  package containerd '1.6.20~ds1-1+deb12u99' 'Depends: runc'
  finish
  exit
fi
mkdir -p "$base/cri-o/usr/bin" "$base/cri-o/lib/systemd/system" "$base/cri-o/etc/cni/net.d" "$base/cri-o/DEBIAN" "$base/cri-tools/usr/bin"
program crio "$base/cri-o/usr/bin/crio"
program pinns "$base/cri-o/usr/bin/pinns"
program crictl "$base/cri-tools/usr/bin/crictl"
cat >"$base/cri-o/lib/systemd/system/crio.service" <<'UNIT'
[Unit]
Description=Container Runtime Interface for OCI (CRI-O)
Before=kubelet.service

[Service]
ExecStart=/usr/bin/crio
TasksMax=infinity

[Install]
WantedBy=multi-user.target
UNIT
echo '{"cniVersion": "0.3.1", "name": "crio", "plugins": [{"type": "bridge"}]}' >"$base/cri-o/etc/cni/net.d/00-crio-bridge.conflist"
echo /etc/cni/net.d/00-crio-bridge.conflist >"$base/cri-o/DEBIAN/conffiles"
script cri-o 'systemctl daemon-reload' 'systemctl enable crio.service' 'systemctl start crio.service' 'systemctl restart docker.service' \
  'systemctl try-restart kubelet.service' 'deb-systemd-invoke restart docker.service' 'invoke-rc.d docker restart'
case $kind in
  plain) package cri-o 1.23.5-1 '' ;;
  greedy) package cri-o 1.23.6-1 'Conflicts: docker.io' ;;
esac
package cri-tools 1.23.0-1 ''
finish
