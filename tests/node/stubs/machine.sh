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

# deaf: the container that was just read ignores SIGTERM: state/deaf names its pod, or itself, one a line.
deaf() { grep -qxF "${uid:-$name}" "$state/deaf" 2>/dev/null && [ "$type" != podsandbox ]; }
# ends SECONDS FILE: a container is told to end, and killed after so long.
ends() {
  know "$2"
  [ "$running" = no ] || ! deaf || /bin/sleep "$1"
  put "$2" running no
}

# --- pods: state/RUNTIME/ID holds type, uid, grace, name, running, policy; state/pods has UID GRACE [NAME] for each that the kubelet runs
# space: whose namespace a container has that is known, as $space
space() { case $name in kube-apiserver | kube-controller-manager | kube-scheduler | etcd) space=kube-system ;; *) space=shop ;; esac; }
# told HOW: the container that is known is stopped, by a signal that it may ignore (state/stubborn), or for good
told() {
  echo "$1 $name" >>"$state/told"
  [ "$1" = TERM ] && grep -qx "$name" "$state/stubborn" 2>/dev/null || return 0
  return 1
}
new_id() { tick; case $1 in docker) printf 'd0%062d' "$n" ;; *) printf 'c0%062d' "$n" ;; esac; }
# chain_of ID: the end of a chain's name, as $chain.
chain_of() { chain=CNI-${1#"${1%????????????????????}"}; }

start_container() { # RUNTIME POD GRACE [NAME]
  container=$(new_id "$1")
  printf 'type=container\nuid=%s\ngrace=%s\nname=%s\nrunning=yes\npolicy=no\n' "$2" "$3" "${4:-main}" >"$state/$1/$container"
}
start_pod() { # RUNTIME POD GRACE [NAME]
  tick
  ip=10.244.1.$n
  sandbox=$(new_id "$1")
  printf 'type=podsandbox\nuid=%s\ngrace=\nname=POD\nrunning=yes\npolicy=no\n' "$2" >"$state/$1/$sandbox"
  start_container "$@"
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
  while read -r pod seconds called; do
    made=start_pod
    for one in "$state/$runtime"/*; do
      [ -e "$one" ] || continue
      know "$one"
      case $uid:$type:$running in
        "$pod":container:yes) continue 2 ;;
        "$pod":podsandbox:yes) made=start_container ;; # a sandbox that is ready is used again
      esac
    done
    $made $runtime "$pod" "$seconds" "$called"
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

# show_property PROPERTY UNIT: one line of `systemctl show`; nothing for what is not simulated.
show_property() {
  case $1 in
    MainPID) printf 'MainPID=' && if is_active "$2"; then cat "$state/start-$2"; else echo 0; fi ;;
    Listen) echo 'Listen=/run/docker.sock (Stream)' ;;
    FragmentPath) printf 'FragmentPath=' && for one in /etc /lib; do [ ! -e "$D2C_ROOT$one/systemd/system/$2" ] || { echo "$one/systemd/system/$2" && break; }; done ;;
    ExecMainStartTimestampMonotonic) printf '%s=' "$1" && cat "$state/start-$2" ;;
    NRestarts) echo NRestarts=0 ;;
  esac
}

systemctl() {
  verb=$1
  shift
  case $verb in
    is-active)
      if [ "$1" = --quiet ]; then
        is_active "$2"
        exit
      fi
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
      for unit in "$@"; do :; done
      while [ "$1" = -p ]; do
        show_property "$2" "$unit"
        shift 2
      done
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
    case $3 in *name=*) ! grep -qx "${one##*/}" "$state/committed" 2>/dev/null || continue ;; esac
    case $3 in
      *type=*) ;;
      *pod.uid) [ -n "$uid" ] || continue ;;
    esac
    case $3 in
      *type=container*) [ "$type" = container ] || continue ;;
      *type=podsandbox) [ "$type" = podsandbox ] || continue ;;
    esac
    case $3 in
      *container.name=*)
        space
        case " $3 " in *"container.name=$name "*"pod.namespace=$space "*) ;; *) continue ;; esac
        ;;
    esac
    case $1 in
      '') echo "${one##*/}" ;;
      *.terminationGracePeriod*)
        space
        printf '%s %s %s %s\n' "${one##*/}" "$(label grace "$grace" | json)" "$(label space "$space" | json)" "$(label name "$name" | json)"
        ;;
      *.Names*) echo "k8s_$name" ;;
      *) label uid "$uid" | json && echo ;;
    esac
  done
}

# label NAME VALUE: of the container $one; state/label-NAME/ID holds another value byte for byte, as an annotation or an image may set it.
label() { cat "$state/label-$1/${one##*/}" 2>/dev/null || printf %s "$2"; }

# etcdctl WORD...: of a member whose answers, as a real one gave them, lie in state/etcd; one that is missing is not answered.
etcdctl() {
  for asked in member:list:members endpoint:status:status endpoint:health:health alarm:list:alarms endpoint:hashkv:hashkv; do
    words=${asked%:*}
    case " $* " in
      *" ${words%:*} ${words#*:} "*)
        cat "$state/etcd/${asked##*:}" 2>/dev/null || die '{"level":"warn","msg":"retrying of unary invoker failed","error":"context deadline exceeded"}'
        # one member that does not answer makes it end with 1
        case $(cat "$state/etcd/silent" 2>/dev/null) in *"${words%:*}"*) exit 1 ;; *) exit 0 ;; esac
        ;;
    esac
  done
  case " $* " in
    *" snapshot save "*)
      for to in "$@"; do :; done
      cp "$state/etcd/db" "$D2C_ROOT/proc/$(cat "$state/process")/root$to" || die 'Error: could not open the snapshot file'
      echo "Snapshot saved at $to"
      ;;
    *" move-leader "*)
      echo "$*" >>"$state/etcd/moves"
      [ -e "$state/etcd/status.moved" ] || die 'Error: etcdserver: request timed out, waiting for the applied index took too long'
      mv "$state/etcd/status.moved" "$state/etcd/status"
      ;;
    *) die "etcdctl $* is not simulated" ;;
  esac
}

# json: standard input as a string of JSON.
json() { printf '"%s"' "$(sed 's/[\\"]/\\&/g' | tr '\n' '\001' | sed 's/\x01/\\n/g')"; }

docker() {
  awake
  verb=$1
  shift
  case $verb in
    info)
      case $2 in
        *DriverStatus*) if [ -e "$state/keeps-digests" ]; then echo '[["driver-type","io.containerd.snapshotter.v1"]]'; else echo '[["Backing Filesystem","extfs"]]'; fi ;;
        *OSType*) echo linux/x86_64 ;;
        *) cat "$state/driver" ;;
      esac
      ;;
    ps)
      all='' filter='' format=''
      while [ $# -gt 0 ]; do
        case $1 in
          -a) all=all ;;
          --filter) filter="$filter $2" && shift ;;
          --format) format=$2 && shift ;;
        esac
        shift
      done
      docker_list "$format" "$all" "$filter"
      ;;
    stop) # -t N ID...
      seconds=$2
      shift 2
      for id in "$@"; do
        know "$state/docker/$id" && told stop
        ends "$seconds" "$state/docker/$id" &
      done
      wait
      ;;
    kill) # -s TERM ID
      know "$state/docker/$3"
      if told TERM && ! deaf; then put "$state/docker/$3" running no; fi
      ;;
    wait) for id in "$@"; do while know "$state/docker/$id" && [ "$running" = yes ]; do /bin/sleep 0.05; done; done ;;
    start) [ -e "$state/docker/$1" ] || die "No such container: $1"; put "$state/docker/$1" running yes ;;
    inspect)
      case $* in
        *image*) eval "reference=\${$#}"; flatten "$reference"; cat "$state/images/docker-$flat" 2>/dev/null || die "No such image" ;;
        *.StopSignal*) ;;
        *.Name*) know "$state/docker/$3"; echo "/$name" ;;
        *.State.Pid*) cat "$state/process" ;;
        *) eval "id=\${$#}"; [ -e "$state/docker/$id" ] || die "No such object"; know "$state/docker/$id"; if [ "$running" = yes ]; then echo true; else echo false; fi ;;
      esac
      ;;
    exec) # -e NAME=VALUE ID WORD...
      shift 2
      know "$state/docker/$1"
      [ "$running" = yes ] || die "Error response from daemon: Container $1 is not running"
      shift
      "$@"
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
        space
        case $2:$type:$name:$space in
          *'container.name"=='*)
            part=${2#*==}
            [ "${part%%,*}:${part##*==}" != "$name:$space" ] || echo "${one##*/}"
            ;;
          *==container:container:* | *==sandbox:podsandbox:* | *'kind"':*) echo "${one##*/}" ;;
        esac
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
    'tasks kill') # -s SIGNAL ID
      know "$state/k8s/$3"
      if told "${2#SIG}" && ! { [ "$2" = SIGTERM ] && deaf; }; then put "$state/k8s/$3" running no; fi
      ;;
    'tasks delete') ;;
    'tasks exec') # --exec-id WORD ID WORD...
      know "$state/k8s/$3"
      [ "$running" = yes ] || die 'ctr: cannot exec in a stopped state: unknown'
      shift 3
      "$@"
      ;;
    'images ls')
      quiet=
      [ "$1" != -q ] || { quiet=yes && shift; }
      case $1 in
        target.digest==*)
          if [ "$place" = docker ]; then grep -lx "${1#target.digest==}" "$state"/moby/* | sed 's|.*/||; s|_|/|g'; exit 0; fi
          for one in "$state"/images/name-*; do
            flat=${one#"$state/images/name-"}
            [ "$(sed 's/^sha256:/sha256:fe/' "$state/images/ctr-$flat" 2>/dev/null)" != "${1#target.digest==}" ] || cat "$one"
          done
          exit 0
          ;;
      esac
      flatten "${1#name==}"
      file=$state/images/ctr-$flat
      [ -e "$file" ] || exit 0
      if [ -n "$quiet" ]; then echo "${1#name==}"; else echo "${1#name==} application/x $(sed 's/^sha256:/sha256:fe/' "$file") 1 linux/amd64 $(cat "$state/images/labels-$flat" 2>/dev/null || echo -)"; fi
      ;;
    'images check') flatten "${2#name==}"; [ ! -e "$state/images/ctr-$flat" ] || echo "${2#name==}" ;;
    'images rm') flatten "$2"; rm -f "$state/images/ctr-$flat" ;;
    'images export') printf '%s\n' "$4" && sed 's/^sha256:fe/sha256:/' "$state/moby/$(echo "$4" | tr / _)" ;; # --platform P - NAME
    'images tag')
      flatten "$1"
      tagged=$state/images/ctr-$flat
      flatten "$2"
      cp "$tagged" "$state/images/ctr-$flat"
      echo "$2" >"$state/images/name-$flat"
      ;;
    'images import')
      [ "$1" != --platform ] || shift 2
      read -r reference
      read -r id
      flatten "$(canonical "$reference")"
      if [ -e "$state/disk-full" ]; then
        echo half >"$state/images/ctr-$flat"
        die "ctr: failed to ingest blob: write: no space left on device"
      fi
      echo "$id" >"$state/images/ctr-$flat"
      canonical "$reference" >"$state/images/name-$flat"
      ;;
    'images pull') # --hosts-dir FOLDER NAME@DIGEST
      [ ! -e "$state/registry-away" ] || die "ctr: failed to resolve reference \"$3\": dial tcp: connection refused"
      ls "$2" >"$state/pulled-with"
      flatten "$3"
      echo "${3##*@}" | sed 's/^sha256:fe/sha256:/' >"$state/images/ctr-$flat"
      echo "$3" >"$state/images/name-$flat"
      ;;
    'images label')
      flatten "$1"
      [ -e "$state/images/ctr-$flat" ] || die "ctr: image \"$1\": not found"
      case $2 in *=) rm -f "$state/images/labels-$flat" ;; *) echo "io.cri-containerd.image=managed,$2" >"$state/images/labels-$flat" ;; esac
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
        space
        case $*:$verb:$type:$running:$policy in
          *--label*container:yes:*) [ "$3:$5" != "io.kubernetes.container.name=$name:io.kubernetes.pod.namespace=$space" ] || echo "${one##*/}" ;;
          *--label* | *:disowned) ;; # its making lost its caller: it is not listed, nor known to stopp and rmp, until runp asks for it again
          *:ps:container:yes:* | *:pods:podsandbox:*) echo "${one##*/}" ;;
        esac
      done
      ;;
    inspect)
      eval "id=\${$#}"
      [ -e "$state/k8s/$id" ] || die "container not found"
      know "$state/k8s/$id"
      case $* in
        *info.pid*) cat "$state/process" ;; # of etcd: another program than these stubs
        *status.state*)
          ! { [ "$name" = etcd ] && [ ! -d "/proc/$(cat "$state/process")" ]; } || { told TERM && put "$state/k8s/$id" running no; }
          if [ "$running" = yes ]; then echo CONTAINER_RUNNING; else echo CONTAINER_EXITED; fi
          ;;
        *) echo "$grace" ;;
      esac
      ;;
    exec) # --sync ID WORD...
      know "$state/k8s/$2"
      shift 2
      "$@"
      ;;
    stop) know "$state/k8s/$3" && told stop && ends "$2" "$state/k8s/$3" ;; # -t N ID
    stopp | rmp)
      eval "id=\${$#}"
      [ -e "$state/k8s/$id" ] || die "sandbox not found"
      know "$state/k8s/$id"
      [ "$policy" != disowned ] || die "specified sandbox not created: $id"
      # other sandboxes are removed at the same time, after a boot also older ones of the same pod: what one job has removed must not be written again by another
      exec 8>"$state/cri.lock"
      flock 8
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
