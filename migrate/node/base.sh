# The node program of docker2cri: takes this node to its new runtime (forward) and rolls it back (rollback), one
# journalled step after the other. README says how to use it. Made of base.sh, journal.sh, units.sh, files.sh,
# packages.sh, bundle.sh, install.sh, cleanup.sh, verify.sh, pods.sh, etcd.sh, images.sh, the source's part, the
# target's part, steps.sh, evidence.sh and program.sh, in this order. Floor: dash, busybox ash, coreutils 8.22,
# util-linux flock, systemd 219.
# Functions answer 0, or 1 with the reason in $reason. because, say, note and leave join their words with a blank.
set -u
umask 077
LC_ALL=C
PATH=${PATH:-}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin
export LC_ALL PATH
unset CONTAINER_RUNTIME_ENDPOINT
root=${D2C_ROOT:-}
run=$(cd -- "$(dirname -- "$0")" && pwd) || exit 1
home=${run%/*}
name=${run##*/}
systemd=$root/etc/systemd/system
volatile=$root/run/docker2cri
tab='	'
newline='
'
blanks=" $tab$newline"
reason=
shared=
verb=
see_status="look with: sh $run/program.sh status"

# A program that dies leaves no child that keeps the lock: descriptor 9 is closed for every tool that may take long.
systemctl() { command systemctl "$@" 9>&-; }
sleep() { command sleep "$@" 9>&-; }

has() { command -v "$1" >/dev/null 2>&1; }

# number WORD: a number that arithmetic takes in every shell: at most nine digits, no leading zero.
number() {
  case $1 in '' | *[!0-9]* | 0?* | ??????????*) return 1 ;; esac
}

# set_aside PATH: what is in the way is kept beside it.
set_aside() {
  nth=1
  while [ -e "$1.found-$nth" ]; do nth=$((nth + 1)); done
  change mv -- "$1" "$1.found-$nth"
}

# container_id WORD: 64 hexadecimal digits, as every runtime gives them. Nothing else reaches a path, pattern or rule.
container_id() {
  case $1 in *[!0-9a-f]*) return 1 ;; esac
  [ ${#1} -eq 64 ]
}

# take_ids WHO LIST: each line of a listing is an ID, and they stand in $ids with a blank on both ends.
take_ids() {
  ids=' '
  set -f
  for id in $2; do
    container_id "$id" || because "$1 lists what is no container ID: $(printf %s "$id" | oneline)" || break
    ids="$ids$id "
  done
  set +f
  [ -z "$2" ] || container_id "$id"
}

# say TEXT...: on standard output; one that is closed does not end the program.
say() {
  printf '%s\n' "$*" 2>/dev/null
  return 0
}

because() {
  reason=$*
  return 1
}

# oneline: standard input in one line without control characters, at most 400 characters.
oneline() { tr -s '\n\r\t' '   ' | tr -d '\000-\037\177' | cut -c 1-400; }

# attempt COMMAND...: runs it quietly; what it printed becomes the reason when it fails.
attempt() {
  said=$("$@" 2>&1) && return 0
  because "$* exited with $?: $(printf %s "$said" | oneline)"
}

# change COMMAND... PATH: as `attempt`, of something on a disk; the reason names the path, why, and what fixes it.
change() {
  said=$("$@" 2>&1) && return 0
  for last_word in "$@"; do :; done
  case $1 in
    rm) cannot removed "$last_word" "$said" ;;
    *) cannot written "${last_word#of=}" "$said" ;;
  esac
}

# cannot HOW PATH SAID: a path that cannot be written or removed. $shared is what other paths have in common with it:
# a whole file system.
cannot() {
  inner=$2
  while [ -n "$inner" ] && [ ! -e "$inner" ]; do inner=${inner%/*}; done
  inner=$(readlink -f -- "${inner:-/}")
  mount_point=/
  while read -r _ mounted _; do
    case $inner/ in "${mounted%/}"/*) [ ${#mounted} -lt ${#mount_point} ] || mount_point=$mounted ;; esac
  done </proc/mounts
  disk=${2%/*}
  case $2 in "$home"/*) disk=$home ;; esac
  # what lies beside a file is told as the file
  base_name=${2##*/}
  unwritten=${2%/*}/${base_name#.docker2cri-} shared=
  case $3 in
    *'No space left'* | *'quota exceeded'*)
      shared="full $mount_point"
      because "$unwritten cannot be $1: the disk with $disk is full;" \
        "make room there: df -h $mount_point; df -i $mount_point"
      ;;
    *'Read-only file system'*)
      shared="read-only $mount_point"
      because "$unwritten cannot be $1: the file system at $mount_point is mounted read-only," \
        "expected was one to write to; fix it: mount -o remount,rw $mount_point"
      ;;
    *) because "$unwritten cannot be $1: $(printf %s "$3" | oneline)" ;;
  esac
}

# copied SOURCE TARGET: its bytes are on the disk; half of them are not left there.
copied() {
  change dd if="$1" conv=fsync of="$2" && return 0
  rm -f -- "$2" 2>/dev/null
  return 1
}

# add_line FILE LINE
add_line() {
  said=$(printf '%s\n' "$2" | dd of="$1" oflag=append conv=notrunc 2>&1) || cannot written "$1" "$said"
}

# leave CODE TEXT...: the end of a verb.
leave() {
  exit_code=$1
  shift
  case $verb in forward | rollback | guard | boot) keep_end "$exit_code $*" 2>/dev/null ;; esac
  say "$*"
  exit "$exit_code"
}

# keep_end TEXT: for the tool that started the verb as a unit. Where it cannot be written, the unit's log has it.
keep_end() { printf '%s\n' "$1" >"$run/exit.$verb.new" && mv -f -- "$run/exit.$verb.new" "$run/exit.$verb"; }

active() { [ "$(systemctl is-active "$1" 2>/dev/null)" = active ]; }

# stopped UNIT...: none of them is active or about to be.
stopped() {
  states=$(systemctl is-active "$@" 2>/dev/null)
  [ -n "$states" ] || return 1
  for state in $states; do
    case $state in inactive | failed | unknown) ;; *) return 1 ;; esac
  done
}

# until_true SECONDS COMMAND...: until the command answers 0, looked at five times a second, and more often at first:
# most of what is waited for takes no second.
until_true() {
  tries=$(($1 * 5 + 8)) quick=8
  shift
  until "$@"; do
    tries=$((tries - 1)) quick=$((quick - 1))
    [ "$tries" -gt 0 ] || return 1
    if [ "$quick" -ge 0 ]; then sleep 0.05; else sleep 0.2; fi
  done
}
