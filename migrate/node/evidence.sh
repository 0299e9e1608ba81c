# What the machine shows where the journal may tell less than what happened: no record is not "nothing happened".

# happened INDEX: the step has begun, and is not undone.
happened() { [ -z "$rolled_back" ] && among "$1" "$begun" && ! among "$1" "$undone"; }

# trace KIND TEXT: what a step of that kind leaves behind is there. $shown is all of it, $untold what the journal does
# not tell.
trace() {
  step=$(first_of "$1")
  [ -n "$step" ] || return 0
  shown="$shown${shown:+, }$2"
  happened "$step" || untold="$untold${untold:+, }$2"
}

# ours FILE UNIT: a file of RUN/units lies there as it is.
ours() { [ -f "$1" ] && cmp -s -- "$run/units/$2" "$1"; }

# look_around: what there is of a switch of this run; nothing while another run keeps the source stopped, or left it.
look_around() {
  shown='' untold='' keeper=''
  [ ! -s "$kept_marker" ] || read -r keeper <"$kept_marker"
  [ ! -s "$marker" ] || read -r keeper <"$marker"
  case $keeper in '' | "$name") ;; *) return 0 ;; esac
  [ ! -e "$marker" ] || trace source-stop "$marker is there"
  [ ! -e "$kept_marker" ] || trace source-keep "$kept_marker is there"
  ! ours "$(gate_file)" gate.conf || trace guard "the kubelet has its gate"
  ! ours "$systemd/docker2cri-guard.service" docker2cri-guard.service || trace guard "the guard lies there"
  # it is kept as a record: after a rollback it shows nothing
  if [ -n "$rolled_back" ] || [ ! -e "$run/found-units" ] || among "$(first_of guard)" "$begun"; then :; else
    trace guard "$run/found-units was noted"
  fi
  for each in $files; do
    recall "$each"
    ! happened "$each" || continue
    with_arguments looks_planned "$each" || continue
    untold="$untold${untold:+, }${rest%%"$tab"*} is as planned"
    [ "$segment" = prepare ] || shown="$shown${shown:+, }${rest%%"$tab"*}"
  done
}

# looks_planned, with the arguments of a file's step: it is as after, and not as before.
looks_planned() {
  shift
  target "$1"
  state_of "$@" && [ "$seen" = after ] && [ "$2" != "$3" ]
}

# weigh: where the journal is broken, or the machine shows more than it tells, $doubt says so, and everything counts as
# begun that may have: each step looks before it does something. Under the lock, or while it is free.
weigh() {
  look_around
  [ -z "$untold" ] || doubt="$doubt${doubt:+; }the journal does not tell of what is there: $untold"
  [ -n "$doubt" ] || return 0
  ! among_segment switch || shown="${shown:-the switch was begun}"
  rolled_back='' undone=' ' begun=' ' each=0
  while [ "$each" -lt "$count" ]; do
    each=$((each + 1))
    recall "$each"
    if [ -n "$shown" ] || [ "$segment" = prepare ]; then begun="$begun$each "; fi
  done
}

# may_hold_pods: it was acknowledged, or may have been: the source is stopped or left, and there is no gate any more.
may_hold_pods() {
  [ -z "$uncordoning" ] || return 0
  [ -n "$doubt" ] && [ "$direction" = forward ] && [ ! -e "$(gate_file)" ] &&
    { [ -e "$marker" ] || [ -e "$kept_marker" ]; }
}
