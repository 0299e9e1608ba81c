# Read a node and change nothing. The table of what to read is appended below by migrate/facts/probes.py; $marker is
# set above. Every answer travels as base64 with its length before it, between lines that start with a random marker:
# nothing that a node prints can look like a frame, and what an rc file of a login shell prints is no frame either.
# Floor: dash, busybox ash, coreutils 8.22, systemd 219.
LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin:$PATH
export LC_ALL PATH
unset DOCKER_HOST DOCKER_CONTEXT DOCKER_TLS_VERIFY DOCKER_CERT_PATH CONTAINERD_ADDRESS CONTAINER_RUNTIME_ENDPOINT
cap=4194304
frames=0
pids=' '
newline='
'
blanks=" 	$newline"
unit_properties=Id,LoadState,ActiveState,SubState,UnitFileState,MainPID,FragmentPath,DropInPaths,EnvironmentFiles
unit_properties=$unit_properties,Requires,Requisite,Wants,BindsTo,PartOf,After,Before,RequiredBy,WantedBy,BoundBy
unit_properties=$unit_properties,TriggeredBy,NeedDaemonReload,LimitNOFILE,KillMode,Restart,Type
unit_properties=$unit_properties,Delegate,MemoryCurrent,ExecMainStartTimestamp

frame() {
  frames=$((frames + 1))
  case $2 in
    *[!A-Za-z0-9/._@:+,%~\ -]*) printf '%s %s =%s\n' "$marker" "$1" "$(printf %s "$2" | base64 | tr -d '\n')" ;;
    *) printf '%s %s %s\n' "$marker" "$1" "$2" ;;
  esac
}

encode() {
  encoded=$(head -c "$cap" | base64 | tr -d '\n')
  printf '%s %s %s\n' "$1" "${#encoded}" "$encoded"
}

# run KEY SECONDS COMMAND...: its exit code, output and errors, in this order: each writer ends before the next can.
run() {
  frame run "$1"
  seconds=$2
  shift 2
  command -v "$1" >/dev/null 2>&1 || { printf 'rc 127\nout 0 \nerr 0 \n'; return 0; }
  {
    { { rc=0; timeout -k 2 "$seconds" "$@" </dev/null 3>&- || rc=$?; echo "rc $rc" >&3; } | encode out >&3; } 2>&1 |
      encode err >&3
  } 3>&1
}

skip() {
  frame run "$1"
  printf 'skip %s\n' "$2"
}

# look PATH: what it is, not what it holds.
look() {
  frame path "$1"
  if [ ! -e "$1" ]; then
    if [ -h "$1" ]; then echo 'dangling'; else echo 'absent'; fi
    return
  fi
  stat -L -c 'stat %a %U:%G %s %Y %F' -- "$1"
  resolved=$(readlink -f -- "$1")
  [ "$resolved" = "$1" ] || printf %s "$resolved" | encode link
}

# slurp PATH: what it is and, for a regular file, its first 256 KiB.
slurp() {
  look "$1"
  [ -f "$1" ] || return 0
  if [ -r "$1" ]; then
    content=$(head -c 262144 -- "$1" | base64 | tr -d '\n')
    printf 'data %s %s\n' "${#content}" "$content"
  else
    printf 'error permission denied\n'
  fi
}

slurp_each() {
  for each in "$@"; do
    [ -e "$each" ] && slurp "$each"
  done
  return 0
}

active() { case $active_units in *" $1 "*) return 0 ;; *) return 1 ;; esac; }

# units UNIT...: systemd's own view of each, and every file that feeds it. Two calls tell which are loaded and active:
# a call takes up to 20 ms on a busy node, and most of the units asked about are not there.
units() {
  wanted=$*
  # a masked unit is there, and may be what the new runtime waits behind
  loaded_units=$(units_where LoadState=loaded "$@")$(units_where LoadState=masked "$@")
  active_units=$(units_where ActiveState=active "$@")
  for unit in $wanted; do
    case $loaded_units in
      *" $unit "*) unit "$unit" ;;
      '') skip "systemctl show $unit" 'systemd does not answer' ;;
      *) skip "systemctl show $unit" 'unit not loaded' ;;
    esac
  done
}

# units_where PROPERTY=VALUE UNIT...: those of the units, a space before and after each; nothing when systemd does not
# tell of all of them.
units_where() {
  condition=$1
  shift
  wanted=$*
  count=$#
  # shellcheck disable=SC2046 # one word a unit, in the order asked
  set -- $(systemctl show -p "${condition%=*}" -- "$@" 2>/dev/null)
  [ $# -eq "$count" ] || return 0
  printf ' '
  for unit in $wanted; do
    [ "$1" != "$condition" ] || printf '%s ' "$unit"
    shift
  done
}

# unit UNIT: a loaded one. No pipe feeds the loop: in a subshell the frames would not be counted.
unit() {
  run "systemctl show $1" 10 systemctl show --no-pager -p "$unit_properties" -- "$1"
  sources=$(systemctl show -p FragmentPath -p DropInPaths -p EnvironmentFiles -p MainPID -- "$1" 2>/dev/null)
  IFS=$newline
  set -f
  # shellcheck disable=SC2086 # one word a line
  set -- "$1" $sources
  set +f
  IFS=$blanks
  name=$1
  shift
  for line in "$@"; do
    value=${line#*=}
    case $line in
      *=) ;;
      EnvironmentFiles=*) slurp "${value%% (*}" ;;
      MainPID=0) ;;
      MainPID=*)
        pids="$pids$name=$value "
        run "cmdline $name" 5 cat "/proc/$value/cmdline"
        run "limits $name" 5 cat "/proc/$value/limits"
        ;;
      *) for file in $value; do slurp "$file"; done ;;
    esac
  done
}

# argument UNIT FLAG: the value of --FLAG on the running command line of a unit, in either spelling.
argument() {
  case $pids in *" $1="*) ;; *) return 0 ;; esac
  pid=${pids#*" $1="}
  pid=${pid%% *}
  tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | sed -n -e "s/^--*$2=//p" -e "/^--*$2\$/{n;p;}" | tail -n 1
}

# gate UNIT KEY SECONDS COMMAND...: only when the unit is active; asking a socket-activated daemon would start it.
gate() {
  gated=$1
  shift
  if active "$gated"; then run "$@"; else skip "$1" "$gated is not active"; fi
}

# there PATH KEY SECONDS COMMAND...: only when something lies at the path.
there() {
  needed=$1
  shift
  if [ -e "$needed" ]; then run "$@"; else skip "$1" "$needed does not exist"; fi
}

disks() {
  set --
  for directory in / /var/lib/docker /var/lib/containerd /var/lib/containers /var/lib/kubelet /var/lib /var/log \
    /var/tmp "$docker_root"; do
    [ -n "$directory" ] && [ -d "$directory" ] && set -- "$@" "$directory"
  done
  run 'df' 10 df -P -k "$@"
  run 'df inodes' 10 df -P -i "$@"
}

finish() { printf '%s end %s\n' "$marker" "$frames"; }
