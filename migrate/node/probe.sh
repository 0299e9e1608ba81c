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

# program UNIT NAME: where the program of this name is that the unit starts, or NAME for the one in PATH. A wrapper is
# not run to be asked: what it has started is.
program() {
  started=$(
    systemctl show -p ExecStart -- "$1" 2>/dev/null | sed -n 's/^ExecStart={ path=\([^ ;]*\) ;.*/\1/p' | tail -n 1
  )
  case $pids in
    *" $1="*)
      pid=${pids#*" $1="}
      running=$(readlink -f -- "/proc/${pid%% *}/exe" 2>/dev/null)
      ;;
    *) running= ;;
  esac
  for each in "$started" "$running"; do
    case $each in
      /*/"$2")
        printf %s "$each"
        return
        ;;
    esac
  done
  printf %s "$2"
}

# version KEY UNIT NAME: the version of the program that the unit starts.
version() {
  asked=$(program "$2" "$3")
  case $asked in /*) look "$asked" ;; esac
  run "$1" 10 "$asked" --version
}

# folders UNIT FLAG: the absolute paths that a running unit's flag names, separated by commas there, one a line here.
folders() { argument "$1" "$2" | tr ',' '\n' | sed -n 's:^\(/.*[^/]\)/*$:\1:p'; }

# plugins NAME...: what lies in every folder that CNI plugins may be in, those that kubelet and cri-dockerd name among
# them; and by the question that a plugin answers without doing anything (CNI specification, VERSION) what each NAME in
# the folders in force speaks.
plugins() {
  asked=$*
  IFS=$newline
  set -f
  # shellcheck disable=SC2046 # one word a line
  set -- $(folders kubelet.service cni-bin-dir) $(folders cri-docker.service cni-bin-dir)
  [ $# -gt 0 ] || set -- /opt/cni/bin
  set +f
  IFS=$blanks
  for name in $asked; do
    for folder in "$@"; do
      [ -x "$folder/$name" ] || continue
      run "cni $name speaks" 5 env CNI_COMMAND=VERSION "$folder/$name"
      continue 2
    done
    skip "cni $name speaks" "none of $* has it"
  done
  for folder in "$@"; do look "$folder"; done
  count=$#
  for folder in "$@" /opt/cni/bin /usr/lib/cni /usr/libexec/cni; do set -- "$@" "$folder/"; done
  shift "$count"
  run 'cni plugins' 10 find -L "$@" -maxdepth 1 -type f -perm -u+x
}

# proxies UNIT: the proxy variables of its process; none of its other variables leaves the node.
proxies() {
  case $pids in
    *" $1="*)
      pid=${pids#*" $1="}
      run "proxies $1" 5 grep -a -o -E '\<(https?_proxy|no_proxy|HTTPS?_PROXY|NO_PROXY)=[^[:cntrl:]]*' \
        "/proc/${pid%% *}/environ"
      ;;
    *) skip "proxies $1" "$1 does not run" ;;
  esac
}

# networks UNIT: the CNI configurations in the folder that the unit's flag names, where that is another than the usual
# one.
networks() {
  folder=$(folders "$1" cni-conf-dir | head -n 1)
  case $folder in
    '' | /etc/cni/net.d) ;;
    *)
      look "$folder"
      for file in "$folder"/*; do [ ! -e "$file" ] || slurp "$file"; done
      ;;
  esac
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

# there_gated PATH UNIT KEY SECONDS COMMAND...: both.
there_gated() {
  needed=$1
  shift
  if [ -e "$needed" ]; then gate "$@"; else skip "$2" "$needed does not exist"; fi
}

# containerd_told: which file containerd reads, and where it listens and keeps its data: what its command line says,
# else what it loads, else its default.
containerd_told() {
  containerd_config=$(argument containerd.service config)
  [ -n "$containerd_config" ] || containerd_config=$(argument containerd.service c)
  [ -n "$containerd_config" ] || containerd_config=/etc/containerd/config.toml
  containerd_loads=$(timeout 15 containerd --config "$containerd_config" config dump 2>/dev/null)
  containerd_socket=$(argument containerd.service address)
  [ -n "$containerd_socket" ] || containerd_socket=$(argument containerd.service a)
  [ -n "$containerd_socket" ] || containerd_socket=$(
    printf '%s\n' "$containerd_loads" |
      sed -n '/^ *\[\(grpc\|plugins\..*server\.v1\.grpc.\)\]$/,/^ *\[/p' | said address
  )
  [ -n "$containerd_socket" ] || containerd_socket=/run/containerd/containerd.sock
  containerd_root=$(argument containerd.service root)
  [ -n "$containerd_root" ] || containerd_root=$(printf '%s\n' "$containerd_loads" | said root)
}

# said KEY: the first value of a key in TOML, a text in either quotes; a line that is a comment counts as well.
said() { sed -n "s/^[ #]*$1 = [\"']\(.*\)[\"']\$/\1/p" | head -n 1; }

# patterns_in FILE: what stands between quotes in its list of imports, one a line, in double quotes.
patterns_in() {
  sed -n -e '/^ *imports *=/{' -e ':more' -e '/]/!{N;b more' -e '}' -e p -e '}' -- "$1" | tr '\047' '\042' |
    grep -o '"[^"]*"'
}

# imports FILE: the files that it imports, and theirs.
imports() {
  waiting=$1
  listed=$newline
  while [ -n "$waiting" ]; do
    reading=${waiting%%"$newline"*}
    case $waiting in *"$newline"*) waiting=${waiting#*"$newline"} ;; *) waiting= ;; esac
    case $listed in *"$newline$reading$newline"*) continue ;; esac
    [ "${#listed}" -lt 8192 ] || break
    listed=$listed$reading$newline
    [ -f "$reading" ] || continue
    for pattern in $(patterns_in "$reading"); do
      pattern=${pattern#?}
      pattern=${pattern%?}
      case $pattern in /*) ;; *) pattern=${reading%/*}/$pattern ;; esac
      for each in $pattern; do
        [ ! -e "$each" ] && [ ! -h "$each" ] || waiting="${waiting:+$waiting$newline}$each"
      done
    done
  done
  listed=${listed#"$newline"}
  IFS=$newline
  set -f
  # shellcheck disable=SC2086 # one word a line
  set -- $listed
  set +f
  IFS=$blanks
  shift
  if [ $# -gt 0 ]; then
    run 'containerd imports' 10 find "$@" -maxdepth 0
  else
    skip 'containerd imports' 'it imports nothing'
  fi
  slurp_each "$@"
}

disks() {
  set --
  for directory in / /var/lib/docker /var/lib/containerd /var/lib/containers /var/lib/kubelet /var/lib /var/log \
    /var/tmp "$docker_root" "$containerd_root" "$crio_root"; do
    # a store that is not there yet will lie in what is there of its path
    while [ -n "$directory" ] && [ ! -d "$directory" ]; do directory=${directory%/*}; done
    [ -n "$directory" ] && set -- "$@" "$directory"
  done
  run 'df' 10 df -P -k "$@"
  run 'df inodes' 10 df -P -i "$@"
}

finish() { printf '%s end %s\n' "$marker" "$frames"; }
