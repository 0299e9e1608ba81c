#!/bin/sh
# A worker from Docker to containerd and back as a practised administrator would script it for this one node: no guard, no journal, no check.
# What docker2cri's switch is measured against (benchmarks/switch.py): the same steps, the same grace periods.
# `sh hand_made.sh there DIR` and `... back DIR`; DIR/after and DIR/before hold files by their paths, DIR/new lists those that were not there.
set -eu
way=$1
dir=$2
grace=30

release() { # addresses and nat rules of the stopped sandboxes, by their IDs in DIR/sandboxes
  grep -lF -f "$dir/sandboxes" /var/lib/cni/networks/*/* 2>/dev/null | xargs -r rm -f
  while read -r id; do rm -f /var/lib/cni/cache/results/*-"$id"-* /var/lib/cni/results/*-"$id"-*; done <"$dir/sandboxes"
  iptables-save -t nat | grep -F -f "$dir/sandboxes" | grep '^-A' >"$dir/rules" || return 0
  sed -n 's/.* -j \(CNI-[A-Za-z0-9-]*\).*/\1/p' "$dir/rules" | sort -u >"$dir/chains"
  sed 's/.*/-A & /' "$dir/chains" >"$dir/inside"
  {
    echo '*nat'
    grep -v -F -f "$dir/inside" "$dir/rules" | sed 's/^-A/-D/'
    sed 's/^/-F /' "$dir/chains"
    sed 's/^/-X /' "$dir/chains"
    echo COMMIT
  } | iptables-restore --noflush
}

there() {
  systemctl stop kubelet
  docker ps -q --no-trunc --filter label=io.kubernetes.docker.type=podsandbox >"$dir/sandboxes"
  graces='{{.ID}} {{.Label "annotation.io.kubernetes.pod.terminationGracePeriod"}}'
  docker ps --filter label=io.kubernetes.docker.type=container --format "$graces" >"$dir/containers"
  while read -r id seconds; do docker stop -t "${seconds:-$grace}" "$id" >/dev/null & done <"$dir/containers"
  wait
  xargs -r docker stop -t 10 <"$dir/sandboxes" >/dev/null
  release
  systemctl stop docker.socket docker
  cp -r "$dir/after/." /
  systemctl daemon-reload
  systemctl restart containerd
  until ctr plugins ls | grep -q 'cri .* ok'; do sleep 0.05; done
  systemctl start kubelet
}

end() { # ID SECONDS: SIGTERM, after so long SIGKILL, then removed
  ctr -n k8s.io tasks kill -s SIGTERM "$1" 2>/dev/null || return 0
  left=$(($2 * 5))
  while ctr -n k8s.io tasks ls | grep -q "^$1 .*RUNNING"; do
    left=$((left - 1))
    [ $left -gt 0 ] || ctr -n k8s.io tasks kill -s SIGKILL "$1"
    sleep 0.2
  done
  ctr -n k8s.io tasks delete "$1" >/dev/null 2>&1 || :
}

back() {
  systemctl stop kubelet
  ctr -n k8s.io containers ls -q 'labels."io.cri-containerd.kind"==sandbox' >"$dir/sandboxes"
  ctr -n k8s.io containers ls -q 'labels."io.cri-containerd.kind"==container' >"$dir/containers"
  while read -r id; do end "$id" $grace & done <"$dir/containers"
  wait
  while read -r id; do end "$id" 5 & done <"$dir/sandboxes"
  wait
  cat "$dir/sandboxes" "$dir/containers" | xargs -r ctr -n k8s.io containers delete
  release
  for netns in /run/netns/cni-*; do umount "$netns" && rm -f "$netns"; done
  xargs -r rm -f <"$dir/new"
  cp -r "$dir/before/." /
  systemctl daemon-reload
  systemctl restart containerd
  systemctl start docker.socket docker
  systemctl start kubelet
}

$way
