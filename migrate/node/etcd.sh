# The control plane's own parts, asked where they run: etcd by the etcdctl in its own container, whichever runtime that
# is in, with the certificate of kubeadm's health check; the apiserver by its /readyz.

etcd_keys=/etc/kubernetes/pki/etcd
etcd_endpoint=https://127.0.0.1:2379
# kubeadm's own, where the flag is not given
etcd_data=/var/lib/etcd
# kilobytes that stay free where a snapshot is put
etcd_spare=65536
apiserver_keys=/etc/kubernetes/pki

# find_etcd: $etcd_in (source or target) and $etcd_id, of the running container of etcd.
find_etcd() {
  for etcd_in in source target; do
    "${etcd_in}_part" etcd || return 1
    for etcd_id in $ids; do return 0; done
  done
  because "no container of etcd runs on this node; look with: ss -lntp; ls /etc/kubernetes/manifests"
}

# in_etcd SECONDS WORD...: etcdctl in the container that was found.
in_etcd() {
  seconds=$1
  shift
  "${etcd_in}_exec" "$seconds" "$etcd_id" etcdctl --cacert "$etcd_keys/ca.crt" \
    --cert "$etcd_keys/healthcheck-client.crt" --key "$etcd_keys/healthcheck-client.key" "$@"
}

# ask_etcd WORD...: what etcdctl answers, as JSON; it ends as etcdctl does.
ask_etcd() {
  find_etcd || leave 3 "$name: $reason" >&2
  in_etcd 60 --write-out json --dial-timeout 3s --command-timeout 5s "$@"
  exit $?
}

# roomy FOLDER KILOBYTES: its disk has so much and some more.
roomy() {
  free=$(df -P -k "$1" 2>/dev/null | tail -n 1 | tr -s ' ' | cut -d ' ' -f 4)
  [ "${free:-0}" -ge $(($2 + etcd_spare)) ] ||
    because "a snapshot of etcd takes $2 kB and has to leave $etcd_spare kB in $1, where ${free:-no} kB are free;" \
      "make room there: df -h $1"
}

# snapshot_etcd: RUN/etcd.db is a snapshot of etcd; its SHA-256 and size in bytes are told. It has all Secrets of the
# cluster unencrypted, so it lies where only root can enter, until the operator has taken it.
snapshot_etcd() {
  find_etcd || return 1
  pid=$("${etcd_in}_process" "$etcd_id" 2>/dev/null)
  number "$pid" || because "the process of etcd is not known (container $etcd_id)" || return 1
  given=$(tr '\0' '\n' <"$root/proc/$pid/cmdline" | sed -n 's/^--data-dir=//p' | tail -n 1)
  within=${given:-$etcd_data}
  seen_at=$root/proc/$pid/root$within
  database=$seen_at/member/snap/db
  [ -f "$database" ] || because "the database of etcd is not at $within/member/snap/db" || return 1
  kilobytes=$(($(wc -c <"$database") / 1024 + 1))
  roomy "$seen_at" "$kilobytes" && roomy "$run" "$kilobytes" || return 1
  saved=docker2cri-$name.db
  # of one that was cut off
  rm -f -- "$seen_at/$saved" "$seen_at/$saved.part" "$run/etcd.db"
  said=$(in_etcd 600 --endpoints "$etcd_endpoint" snapshot save "$within/$saved" 2>&1) || {
    rm -f -- "$seen_at/$saved" "$seen_at/$saved.part"
    because "etcd saves no snapshot: $(printf %s "$said" | oneline)"
    return 1
  }
  change mv -f -- "$seen_at/$saved" "$run/etcd.db" && change chmod 600 "$run/etcd.db" || return 1
  sha_of "$run/etcd.db" || return 1
  say "sha256=$sum"
  say "size=$(($(wc -c <"$run/etcd.db")))"
}

# kubernetes_files: what a member needs besides its data, as a tar archive on standard output.
kubernetes_files() { tar -C "$root/etc/kubernetes" -cf - pki manifests; }

# ready_at URL: what its /readyz answers: a status, 000 where nothing does, unknown where nothing here can ask.
ready_at() {
  if has curl; then
    curl -s -o /dev/null -m 5 -w '%{http_code}' --cacert "$root$apiserver_keys/ca.crt" \
      --cert "$root$apiserver_keys/apiserver-kubelet-client.crt" \
      --key "$root$apiserver_keys/apiserver-kubelet-client.key" "$1/readyz" 2>/dev/null
  elif has kubectl; then
    if said=$(timeout 10 kubectl --kubeconfig "$root/etc/kubernetes/kubelet.conf" --server "$1" --request-timeout 5s \
      get --raw /readyz 2>&1); then printf 200; else printf 000; fi
  elif has openssl; then
    apiserver_at=${1#https://}
    apiserver_at=${apiserver_at%%/*}
    case $apiserver_at in *:[0-9]*) ;; *) apiserver_at=$apiserver_at:443 ;; esac
    said=$(printf 'GET /readyz HTTP/1.0\r\n\r\n' | timeout 5 openssl s_client -quiet -verify_return_error \
      -connect "$apiserver_at" -CAfile "$root$apiserver_keys/ca.crt" \
      -cert "$root$apiserver_keys/apiserver-kubelet-client.crt" \
      -key "$root$apiserver_keys/apiserver-kubelet-client.key" 2>/dev/null |
      sed -n '1s/^HTTP[^ ]* \([0-9]*\).*/\1/p')
    printf %s "${said:-000}"
  else
    printf unknown
  fi
}

# flag_of PROCESS NAME: the value of a flag on the command line of a process of that name.
flag_of() {
  for of_process in $(pgrep -x "$1"); do
    tr '\0' '\n' <"$root/proc/$of_process/cmdline" 2>/dev/null | sed -n "s/^--$2=//p" | tail -n 1
    return
  done
}

# plane_parts: in which runtime a container of each part of the control plane runs: source, target, or none.
plane_parts() {
  for plane_part in $control_plane; do
    runs_in=none
    for side in source target; do
      "${side}_part" "$plane_part" || continue
      for id in $ids; do runs_in=$side; done
    done
    say "$plane_part=$runs_in"
  done
}

# apiservers_ready: /readyz of this node's own apiserver, and of the address that its kubelet has in kubelet.conf.
apiservers_ready() {
  host=$(flag_of kube-apiserver advertise-address)
  port=$(flag_of kube-apiserver secure-port)
  case $host in *:*) host="[$host]" ;; esac
  endpoint=$(sed -n 's/^ *server: *//p' "$root/etc/kubernetes/kubelet.conf" 2>/dev/null | head -n 1)
  own_url=https://${host:-127.0.0.1}:${port:-6443}
  say "own=$(ready_at "$own_url") $own_url"
  [ -z "$endpoint" ] || say "endpoint=$(ready_at "${endpoint%/}") ${endpoint%/}"
}
