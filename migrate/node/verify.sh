# Unit files of the plan, read by systemd-analyze before anything stops: beside the node's own in two trees, as they
# are and as planned.

# unit_of PATH: whose unit file or drop-in it is in $unit, and where below a unit folder in $place; 1 when it is none.
unit_of() {
  case $1 in */systemd/system/*) place=${1##*/systemd/system/} ;; *) return 1 ;; esac
  case $place in
    */*/*) return 1 ;;
    *.d/*.conf) unit=${place%.d/*} ;;
    */*) return 1 ;;
    *) unit=$place ;;
  esac
}

# read_by_systemd: what it says of our units as planned, and does not say of them as they are, is an error.
read_by_systemd() {
  has systemd-analyze || return 0
  trees=$run/verify
  change rm -rf -- "$trees" && change mkdir -p -- "$trees/now" "$trees/planned" || return 1
  planned_units=' '
  for each in $files; do
    recall "$each"
    unit_of "${rest%%"$tab"*}" || continue
    among "$unit" "$planned_units" || planned_units="$planned_units$unit "
    change mkdir -p -- "$(dirname -- "$trees/planned/$place")" || return 1
    if [ -e "$run/files/$each.after" ]; then
      change cp -- "$run/files/$each.after" "$trees/planned/$place" || return 1
    else
      change ln -s /dev/null "$trees/planned/$place" || return 1
    fi
  done
  for unit in $planned_units; do
    fragment=$(systemctl show -p FragmentPath "$unit")
    fragment=$root${fragment#FragmentPath=}
    [ -f "$fragment" ] || continue
    change cp -- "$fragment" "$trees/now/$unit" || return 1
    [ -e "$trees/planned/$unit" ] || change cp -- "$fragment" "$trees/planned/$unit" || return 1
  done
  said_now=$(analyzed now)
  now_is=$?
  said_planned=$(analyzed planned)
  planned_is=$?
  fresh=$(printf '%s\n' "$said_planned" | grep -vxF -e "$said_now")
  bad=
  for unit in $planned_units; do bad=$bad$(printf '%s\n' "$fresh" | grep -F -e "$unit"); done
  # a whole unit that it refuses, in whatever words
  [ -n "$bad" ] || [ $planned_is -eq 0 ] || [ $now_is -ne 0 ] || bad=${fresh:-systemd-analyze exited with $planned_is}
  [ -z "$bad" ] ||
    because "systemd does not read the planned unit files as they are meant: $(printf %s "$bad" | oneline);" \
      "expected was no complaint that it does not have of them now; the files lie in $trees/planned" || return 1
  change rm -rf -- "$trees"
}

# analyzed TREE: what systemd-analyze says of its units, without folders and line numbers, which differ; its exit code.
analyzed() {
  set -- "$trees/$1"
  for unit in $planned_units; do [ ! -e "$1/$unit" ] || set -- "$@" "$1/$unit"; done
  [ $# -gt 1 ] || return 0
  folder=$1
  shift
  # the trailing colon: what is not in the folder is looked for where systemd does
  words=$(SYSTEMD_UNIT_PATH="$folder:" timeout 60 systemd-analyze --man=no verify "$@" 2>&1 9>&-)
  analyzed_is=$?
  printf '%s\n' "$words" | sed 's|[^ ]*/systemd/system/||g; s|'"$folder"'/||g; s|\(\.[a-z]*\):[0-9][0-9]*:|\1:|'
  return $analyzed_is
}
