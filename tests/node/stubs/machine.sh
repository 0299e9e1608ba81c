#!/bin/sh
# A simulated node: systemctl, docker, ctr, containerd, crio, crictl, skopeo, iptables and modprobe over files in $D2C_ROOT/.state. It behaves where the node program
# relies on it: systemd sees drop-ins after a daemon-reload only, conditions keep a unit from starting, a touch of docker.socket wakes Docker,
# a kubelet makes new containers in the runtime that its flags name, and whoever makes a pod leaves a lease and nat rules behind.
set -u
me=${0##*/}
state=$D2C_ROOT/.state
{ [ -d "$state/k8s" ] && [ -d "$state/active" ]; } || mkdir -p "$state/active" "$state/enabled" "$state/conditions" "$state/docker" "$state/k8s" "$state/images"

die() { echo "$1" >&2; exit "${2:-1}"; }
tick() { read -r n <"$state/ticks" 2>/dev/null || n=0; n=$((n + 1)); echo "$n" >"$state/ticks"; }
is_active() { [ -e "$state/active/$1" ]; }
# flatten REFERENCE: an image's name as that of a file, as $flat.
flatten() { flat=$1; while case $flat in */*) ;; *) false ;; esac; do flat=${flat%%/*}_${flat#*/}; done; }
# know FILE: a container's facts as variables. Shell assignments, so that it costs no process.
know() {
  type='' uid='' grace='' name='' running='' policy=''
  # shellcheck disable=SC1090 # written below
  . "$1"
}
put() {
  know "$1"
  eval "$2=\$3"
  printf 'type=%s\nuid=%s\ngrace=%s\nname=%s\nrunning=%s\npolicy=%s\n' "$type" "$uid" "$grace" "$name" "$running" "$policy" >"$1"
}

# --- pods: state/RUNTIME/ID holds type, uid, grace, name, running, policy
new_id() { tick; printf 'id%s%054d' "$1" "$n"; }
# chain_of ID: the end of a chain's name, as $chain.
chain_of() { chain=CNI-${1#"${1%????????????????????}"}; }

start_pod() { # RUNTIME POD GRACE
  tick
  ip=10.244.1.$n
  sandbox=$(new_id "$1")
  container=$(new_id "$1")
  printf 'type=podsandbox\nuid=%s\ngrace=\nname=POD\nrunning=yes\npolicy=no\n' "$2" >"$state/$1/$sandbox"
  printf 'type=container\nuid=%s\ngrace=%s\nname=main\nrunning=yes\npolicy=no\n' "$2" "$3" >"$state/$1/$container"
  printf '%s\r\neth0' "$sandbox" >"$D2C_ROOT/var/lib/cni/networks/lab/$ip"
  echo '{}' >"$D2C_ROOT/var/lib/cni/cache/results/lab-$sandbox-eth0"
  chain_of "$sandbox"
  {
    echo "-A POSTROUTING -s $ip/32 -m comment --comment \"name: \\\"lab\\\" id: \\\"$sandbox\\\"\" -j $chain"
    echo "-A $chain -d 10.244.1.0/24 -m comment --comment \"name: \\\"lab\\\" id: \\\"$sandbox\\\"\" -j ACCEPT"
    echo "-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment \"dnat name: \\\"lab\\\" id: \\\"$sandbox\\\"\" -j CNI-DN-${chain#CNI-}"
    echo "-A CNI-DN-${chain#CNI-} -p tcp --dport 9080 -j DNAT --to-destination $ip:8080"
  } >>"$state/nat"
}

# tear_down: a dockershim kubelet stops the sandboxes that it finds dead: CNI DEL takes their leases and rules.
tear_down() {
  for one in "$state/docker"/*; do
    [ -e "$one" ] || continue
    know "$one"
    if [ "$type:$running" = podsandbox:no ]; then
      dead=${one##*/}
      for lease in "$D2C_ROOT"/var/lib/cni/networks/lab/*; do
        [ ! -e "$lease" ] || { read -r holder <"$lease"; case $holder in "$dead"*) rm -f "$lease" ;; esac; }
      done
      rm -f "$D2C_ROOT"/var/lib/cni/cache/results/*"$dead"*
      chain_of "$dead"
      grep -vF -e "$dead" -e "-A CNI-DN-${chain#CNI-} " "$state/nat" >"$state/nat.new"
      mv "$state/nat.new" "$state/nat"
    fi
  done
}

kubelet_started() {
  case $(cat "$D2C_ROOT/var/lib/kubelet/kubeadm-flags.env") in
    *=remote*/crio.sock*) runtime=k8s unit=crio.service ;;
    *=remote*) runtime=k8s unit=containerd.service ;;
    *) runtime=docker unit=docker.service ;;
  esac
  [ $runtime = docker ] || cri_up $unit || return 0
  is_active $unit || return 0
  if [ $runtime = docker ]; then tear_down; fi
  while read -r pod seconds; do
    for one in "$state/$runtime"/*; do
      [ -e "$one" ] || continue
      know "$one"
      [ "$uid:$type:$running" != "$pod:container:yes" ] || continue 2
    done
    start_pod $runtime "$pod" "$seconds"
  done <"$state/pods"
}

cri_up() { is_active "$1" && ! { [ -e "$state/new-config-without-cri" ] && grep -q "$new_config" "$state/running-$1"; }; }

new_config='sandbox_image\|pause_image' # stands in the planned configuration only

# config UNIT: what the new runtime makes of its files.
config() {
  case $1 in
    containerd.service) cat "$D2C_ROOT/etc/containerd/config.toml" ;;
    crio.service) for file in "$D2C_ROOT"/etc/crio/crio.conf.d/*.conf; do [ ! -e "$file" ] || cat "$file"; done ;;
  esac
}

# --- systemd
conditions_hold() {
  [ -e "$state/conditions/$1" ] || return 0
  while IFS= read -r condition; do
    case $condition in
      !*) [ ! -e "$D2C_ROOT${condition#!}" ] || return 1 ;;
      *) [ -e "$D2C_ROOT$condition" ] || return 1 ;;
    esac
  done <"$state/conditions/$1"
}

known() {
  case $1 in
    docker2cri-*) [ -e "$state/conditions/$1.loaded" ] ;;
    *) [ -e "$state/enabled/$1" ] ;;
  esac
}

unit_start() {
  known "$1" || die "Failed to start $1: Unit $1 not found." 5
  is_active "$1" && return 0
  conditions_hold "$1" || return 0
  case $1 in
    docker.socket) [ ! -d "$D2C_ROOT/run/docker.sock" ] || die "docker.socket failed: /run/docker.sock is a directory" ;;
    docker.service)
      unit_start docker.socket
      [ ! -e "$state/docker-broken" ] || die "Job for docker.service failed"
      ;;
    containerd.service | crio.service)
      [ -e "$state/new-config-fails" ] && config "$1" | grep -q "$new_config" && die "Job for $1 failed because the control process exited with error code."
      config "$1" >"$state/running-$1"
      ;;
  esac
  tick
  echo "$n" >"$state/start-$1"
  true >"$state/active/$1"
  case $1 in
    kubelet.service) kubelet_started ;;
    docker.service) for one in "$state/docker"/*; do [ -e "$one" ] && know "$one" && [ "$policy" = always ] && put "$one" running yes; done ;;
  esac
  return 0
}

# may MANUAL-VERB UNIT...: what RefuseManualStart= and RefuseManualStop= of a drop-in say, once systemd has read it.
may() {
  for unit in "$@"; do
    [ ! -e "$state/refusing" ] || ! grep -qxF "$unit" "$state/refusing" || die "Failed to $verb $unit: Operation refused, unit $unit may be requested by dependency only (it is configured to refuse manual start/stop)." 4
  done
}

unit_stop() {
  known "$1" || die "Failed to stop $1: Unit $1 not loaded." 5
  rm -f "$state/active/$1"
  case $1 in
    docker.service) for one in "$state/docker"/*; do [ ! -e "$one" ] || put "$one" running no; done ;;
  esac
  return 0
}

systemctl() {
  verb=$1
  shift
  case $verb in
    is-active)
      rc=3
      for unit in "$@"; do
        if is_active "$unit"; then echo active && rc=0; else echo inactive; fi
      done
      exit $rc
      ;;
    is-enabled) [ -e "$state/enabled/$1" ] && cat "$state/enabled/$1" ;;
    enable) echo enabled >"$state/enabled/$1" ;;
    disable) echo disabled >"$state/enabled/$1" ;;
    start) may "$@" && for unit in "$@"; do unit_start "$unit" || exit; done ;;
    stop) may "$@" && for unit in "$@"; do unit_stop "$unit" || exit; done ;;
    restart) may "$@" && for unit in "$@"; do unit_stop "$unit" && unit_start "$unit" || exit; done ;;
    reset-failed) ;;
    daemon-reload)
      rm -f "$state/conditions"/* "$state/refusing"
      for dropin in "$D2C_ROOT/run/systemd/system"/*.d/*.conf; do
        unit=${dropin%/*}
        unit=${unit##*/}
        ! grep -q '^RefuseManualStop=yes' "$dropin" 2>/dev/null || echo "${unit%.d}" >>"$state/refusing"
      done
      for dropin in "$D2C_ROOT/etc/systemd/system"/*.d/*.conf; do
        unit=${dropin%/*}
        unit=${unit##*/}
        sed -n 's/^ConditionPathExists=//p' "$dropin" >>"$state/conditions/${unit%.d}"
      done
      for unit in "$D2C_ROOT/etc/systemd/system"/docker2cri-*; do [ ! -e "$unit" ] || true >"$state/conditions/${unit##*/}.loaded"; done
      ;;
    show)
      case $2 in
        MainPID) printf 'MainPID=' && if is_active "$3"; then cat "$state/start-$3"; else echo 0; fi ;;
        Listen) echo 'Listen=/run/docker.sock (Stream)' ;;
        FragmentPath) printf 'FragmentPath=' && for one in /etc /lib; do [ ! -e "$D2C_ROOT$one/systemd/system/$3" ] || { echo "$one/systemd/system/$3" && break; }; done ;;
        ExecMainStartTimestampMonotonic) printf '%s=' "$2" && cat "$state/start-$3" ;;
      esac
      ;;
    *) die "systemctl $verb is not simulated" ;;
  esac
}

# systemd_analyze --man=no verify PATH...: the words of systemd 252. The first folder of SYSTEMD_UNIT_PATH hides drop-ins of /etc of the same name.
systemd_analyze() {
  shift 2
  echo '/lib/systemd/system/plymouth-start.service:17: Unit configured to use KillMode=none. This is unsafe, as it disables systemd'"'"'s process lifecycle management for the service.' >&2
  rc=0
  for path in "$@"; do
    unit=${path##*/}
    first=${SYSTEMD_UNIT_PATH%:}
    commands=0
    for file in "$path" "$first/$unit.d"/*.conf "$D2C_ROOT/etc/systemd/system/$unit.d"/*.conf; do
      [ -f "$file" ] || continue
      case $file in "$D2C_ROOT/etc/"*) [ ! -e "$first/$unit.d/${file##*/}" ] || continue ;; esac
      n=0
      while IFS= read -r line; do
        n=$((n + 1))
        case $line in
          ExecStart=) commands=0 ;;
          ExecStart=*) commands=$((commands + 1)) ;;
          Unknown*=*) echo "$file:$n: Unknown key '${line%%=*}' in section [Service], ignoring." >&2 ;;
        esac
      done <"$file"
    done
    if [ $commands -gt 1 ]; then
      printf '%s\n' "$unit: Service has more than one ExecStart= setting, which is only allowed for Type=oneshot services. Refusing." "Unit $unit has a bad unit file setting." >&2
      rc=1
    fi
  done
  exit $rc
}

# --- docker
awake() {
  is_active docker.service && return 0
  if is_active docker.socket; then unit_start docker.service; fi
  is_active docker.service || die "Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?"
}

docker_list() { # those that match: FORMAT ALL FILTER
  for one in "$state/docker"/*; do
    [ -e "$one" ] || continue
    know "$one"
    [ "$running" = yes ] || [ "$2" = all ] || continue
    case $3 in
      *pod.uid) [ -n "$uid" ] || continue ;;
      *type=container) [ "$type" = container ] || continue ;;
    esac
    case $1 in
      '') echo "${one##*/}" ;;
      *'.Status'*) if [ "$running" = yes ]; then status='Up 2 hours'; else status='Exited (0) now'; fi
        echo "${one##*/}|$type|$grace|$name|$status" ;;
      *'.Names'*) echo "${one##*/} $uid $name" ;;
      *) echo "$uid" ;;
    esac
  done
}

docker() {
  awake
  verb=$1
  shift
  case $verb in
    info) cat "$state/driver" ;;
    ps)
      all='' filter='' format=''
      while [ $# -gt 0 ]; do
        case $1 in
          -a) all=all ;;
          --filter) filter=$2 && shift ;;
          --format) format=$2 && shift ;;
        esac
        shift
      done
      docker_list "$format" "$all" "$filter"
      ;;
    stop) # -t N ID...
      shift 2
      for id in "$@"; do put "$state/docker/$id" running no; done
      ;;
    start) [ -e "$state/docker/$1" ] || die "No such container: $1"; put "$state/docker/$1" running yes ;;
    inspect)
      case $* in
        *image*) eval "reference=\${$#}"; flatten "$reference"; cat "$state/images/docker-$flat" 2>/dev/null || die "No such image" ;;
        *) eval "id=\${$#}"; [ -e "$state/docker/$id" ] || die "No such object"; know "$state/docker/$id"; if [ "$running" = yes ]; then echo true; else echo false; fi ;;
      esac
      ;;
    save) flatten "$1"; printf '%s\n' "$1" && cat "$state/images/docker-$flat" ;;
    *) die "docker $verb is not simulated" ;;
  esac
}

# --- containerd
canonical() {
  case $1 in
    *.*/* | *:*/*) echo "$1" ;;
    */*) echo "docker.io/$1" ;;
    *) echo "docker.io/library/$1" ;;
  esac
}

ctr() {
  is_active containerd.service || die "ctr: failed to dial: connection refused"
  [ "$1" != -a ] || shift 2
  place=k8s
  [ "$1" != -n ] || { [ "$2" != moby ] || place=docker; shift 2; }
  what="$1 $2"
  shift 2
  case $what in
    'plugins ls')
      echo 'TYPE ID PLATFORMS STATUS'
      if cri_up containerd.service; then echo 'io.containerd.grpc.v1           cri                      linux/amd64    ok        '; fi
      ;;
    'containers ls')
      for one in "$state/k8s"/*; do
        [ -e "$one" ] || continue
        know "$one"
        case $2:$type in *==container:container | *==sandbox:podsandbox | *'kind"':*) echo "${one##*/}" ;; esac
      done
      ;;
    'containers info')
      [ -e "$state/k8s/$1" ] || die "container not found"
      know "$state/k8s/$1"
      record="{\"annotations\":{\"io.kubernetes.pod.terminationGracePeriod\":\"$grace\"}}"
      printf '{\n "Labels": {"io.cri-containerd.kind": "x"},\n "value": "%s"\n}\n' "$(printf %s "$record" | base64 | tr -d '\n')"
      ;;
    'containers delete') rm -f "$state/k8s/$1" ;;
    'tasks ls') for one in "$state/$place"/*; do [ -e "$one" ] && know "$one" && [ "$running" = yes ] && echo "${one##*/} 1 RUNNING"; done ;;
    'tasks kill') put "$state/k8s/$3" running no ;;
    'tasks delete') ;;
    'images ls')
      quiet=
      [ "$1" != -q ] || { quiet=yes && shift; }
      flatten "${1#name==}"
      file=$state/images/ctr-$flat
      [ -e "$file" ] || exit 0
      if [ -n "$quiet" ]; then echo "${1#name==}"; else echo "${1#name==} application/x $(sed 's/^sha256:/sha256:fe/' "$file") 1 linux/amd64 -"; fi
      ;;
    'images check') flatten "${2#name==}"; [ ! -e "$state/images/ctr-$flat" ] || echo "${2#name==}" ;;
    'images rm') flatten "$2"; rm -f "$state/images/ctr-$flat" ;;
    'images import')
      read -r reference
      read -r id
      flatten "$(canonical "$reference")"
      if [ -e "$state/disk-full" ]; then
        echo half >"$state/images/ctr-$flat"
        die "ctr: failed to ingest blob: write: no space left on device"
      fi
      echo "$id" >"$state/images/ctr-$flat"
      ;;
    'content get') printf '{\n "config": {\n "digest": "%s" } }\n' "$(echo "$1" | sed 's/^sha256:fe/sha256:/')" ;;
    *) die "ctr $what is not simulated" ;;
  esac
}

# --- CRI-O
crio() { # config
  if [ -e "$state/new-config-unreadable" ]; then die "crio: toml: line 1: expected '.' or '=', but got 'U' instead"; fi
  config crio.service
}

crictl() { # --timeout N -r ADDRESS WORD...
  shift 4
  cri_up crio.service || die "FATA[0000] connect: connect endpoint 'unix:///var/run/crio/crio.sock', make sure you are running as root and the endpoint has been started"
  verb=$1
  shift
  case $verb in
    info) printf '{\n  "status": {\n    "conditions": [\n      {\n        "type": "RuntimeReady",\n        "status": true,\n' ;;
    images)
      flatten "$3"
      file=$state/images/crio-$flat
      [ ! -e "$file" ] || sed 's/^sha256://' "$file"
      ;;
    rmi) flatten "$1"; rm "$state/images/crio-$flat" ;;
    ps | pods)
      for one in "$state/k8s"/*; do
        [ -e "$one" ] || continue
        know "$one"
        case $verb:$type:$running:$policy in
          *:disowned) ;; # its making lost its caller: it is not listed, nor known to stopp and rmp, until runp asks for it again
          ps:container:yes:* | pods:podsandbox:*) echo "${one##*/}" ;;
        esac
      done
      ;;
    inspect) eval "id=\${$#}"; [ -e "$state/k8s/$id" ] || die "container not found"; know "$state/k8s/$id"; echo "$grace" ;;
    stop) put "$state/k8s/$3" running no ;;
    stopp | rmp)
      eval "id=\${$#}"
      [ -e "$state/k8s/$id" ] || die "sandbox not found"
      know "$state/k8s/$id"
      [ "$policy" != disowned ] || die "specified sandbox not created: $id"
      # other pods are removed at the same time
      grep -lx "uid=$uid" "$state/k8s"/* 2>/dev/null | while read -r one; do
        if [ "$verb" = stopp ]; then put "$one" running no; else rm -f "$one"; fi
      done
      ;;
    runp)
      asked=$(sed 's/.*"uid":"\([^"]*\)".*/\1/' "$1")
      one=$(grep -lx "uid=$asked" "$state/k8s"/*) || die "crictl runp of something new is not simulated"
      put "$one" policy no
      echo "${one##*/}"
      ;;
    *) die "crictl $verb is not simulated" ;;
  esac
}

skopeo() { # copy --quiet docker-daemon:REFERENCE containers-storage:NAME
  awake
  flatten "${3#docker-daemon:}"
  image=$state/images/docker-$flat
  flatten "${4#containers-storage:}"
  stored=$state/images/crio-$flat
  [ ! -e "$state/disk-full" ] || die 'level=fatal msg="writing blob: storing blob to file \"/var/tmp/storage3106133913/1\": write /var/tmp/storage3106133913/1: no space left on device"'
  cp "$image" "$stored"
}

containerd() {
  [ "$1" != -c ] || { file=$2 && shift 2; }
  if [ -e "$state/new-config-unreadable" ]; then die "containerd: failed to load TOML"; fi
  cat "$file"
}

case $me in
  systemctl | docker | ctr | containerd | crio | crictl | skopeo) "$me" "$@" ;;
  systemd-analyze) systemd_analyze "$@" ;;
  iptables-save) cat "$state/nat" ;;
  iptables-restore)
    while IFS= read -r line; do
      case $line in
        '-D '*) grep -vxF -e "-A ${line#-D }" "$state/nat" >"$state/nat.new"; mv "$state/nat.new" "$state/nat" ;;
        '-F '*) grep -v "^-A ${line#-F } " "$state/nat" >"$state/nat.new"; mv "$state/nat.new" "$state/nat" ;;
      esac
    done
    ;;
  ip6tables-save) ;;
  modprobe) mkdir -p "$D2C_ROOT/sys/module/$1" ;;
  sleep) exec /bin/sleep 0.01 ;;
esac
