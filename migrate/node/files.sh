# Files of the node: PATH BEFORE AFTER, SHA-256 of their bytes or `-` for no file. RUN/files/INDEX.before and .after
# hold the bytes.

# target PATH: $real, where its bytes lie: a link is kept, what it points to is written.
target() {
  real=$root$1
  if [ -h "$real" ]; then real=$(readlink -f -- "$real"); fi
}

sha_of() {
  sum=$(sha256sum -- "$1" 2>&1) || because "$1 cannot be read: $(printf %s "$sum" | oneline)" || return 1
  sum=${sum%% *}
}

# state_of: $seen is before, after or other, $sum the hash that is there. From $real and the step's arguments.
state_of() {
  seen=other sum=-
  if [ -f "$real" ]; then
    sha_of "$real" || return 1
    shape=$(stat -c '%a %U:%G' -- "$real") || because "$real cannot be looked at" || return 1
  elif [ -e "$real" ] || [ -h "$real" ]; then
    sum=directory
  fi
  if [ "$sum" = "$2" ] && { [ "$sum" = - ] || [ "$shape" = "$4 $5" ]; }; then seen=before; fi
  if [ "$sum" = "$3" ] && { [ "$sum" = - ] || [ "$shape" = "$6 $7" ]; }; then seen=after; fi
}

restaged=' '

temporary() { beside=${real%/*}/.docker2cri-${real##*/}; }

# lay_beside SOURCE SHA MODE OWNER: the new bytes beside the file, on the disk, with mode, owner and SELinux label.
lay_beside() {
  temporary
  copied "$1" "$beside" || return 1
  sha_of "$beside" || return 1
  [ "$sum" = "$2" ] || because "$1 has hash $sum, planned was $2" || return 1
  change chmod "$3" -- "$beside" && change chown "$4" -- "$beside" || return 1
  [ -e /sys/fs/selinux/enforce ] || return 0
  if [ -e "$real" ]; then
    ! has chcon || attempt chcon --reference="$real" -- "$beside"
  else
    ! has restorecon || attempt restorecon -- "$beside"
  fi
}

put_beside() { change mv -f -- "$beside" "$real"; }

# stage INDEX PATH BEFORE AFTER MODE OWNER MODE OWNER: the file is as planned, and its new bytes lie beside it.
stage() {
  index=$1
  shift
  target "$1"
  state_of "$@" || return 1
  case $seen in
    after) return 0 ;;
    other)
      because "$1 is not as planned: expected $2 $4 $5, found $sum ${shape:-}; make a new plan"
      return 1
      ;;
  esac
  make_dir "${real%/*}" || return 1
  [ "$3" = - ] || lay_beside "$run/files/$index.after" "$3" "$6" "$7"
}

# replace INDEX PATH BEFORE AFTER MODE OWNER MODE OWNER: before becomes after; what is neither is refused.
replace() {
  index=$1
  shift
  target "$1"
  state_of "$@" || return 1
  case $seen in
    after) return 0 ;;
    other)
      because "$1 is neither as before ($2 $4 $5) nor as planned ($3 $6 $7): found $sum ${shape:-}; make a new plan"
      return 1
      ;;
  esac
  temporary
  if [ "$3" = - ]; then
    change rm -f -- "$real" || return 1
  else
    make_dir "${real%/*}" || return 1
    [ -e "$beside" ] || lay_beside "$run/files/$index.after" "$3" "$6" "$7" || return 1
    put_beside || return 1
  fi
  state_of "$@" || return 1
  [ "$seen" = after ] || because "$1 was written, and yet is $sum"
}

# restore, with the same arguments: as before; what is neither is kept in RUN/found/ first.
restore() {
  index=$1
  shift
  target "$1"
  temporary
  among "$index" "$restaged" || change rm -f -- "$beside" || return 1
  state_of "$@" || return 1
  case $seen in
    before)
      change rm -f -- "$beside"
      return
      ;;
    other) keep_found "$1" || return 1 ;;
  esac
  if [ "$2" = - ]; then
    change rm -f -- "$real" || return 1
  else
    make_dir "${real%/*}" || return 1
    among "$index" "$restaged" || lay_beside "$run/files/$index.before" "$2" "$4" "$5" || return 1
    put_beside || return 1
  fi
  state_of "$@" || return 1
  [ "$seen" = before ] || because "$1 was put back, and yet is $sum"
}

# restage INDEX PATH BEFORE ...: the bytes of before beside the file while the kubelet still runs, so that a rename
# restores it. What cannot be laid now is laid when its turn comes, and told then.
restage() {
  [ "$3" != - ] || return 0
  target "$2"
  [ -d "${real%/*}" ] && lay_beside "$run/files/$1.before" "$3" "$5" "$6" || return 0
  restaged="$restaged$1 "
}

# restorable, with the same arguments: where it has to be put back something can be written.
restorable() {
  shift
  target "$1"
  state_of "$@" || return 1
  temporary
  [ "$seen" != before ] && [ -d "${real%/*}" ] || return 0
  change dd if=/dev/null of="$beside" && change rm -f -- "$beside"
}

# keep_found PATH: a copy of what others wrote there, for a person to look at.
keep_found() {
  if [ "$sum" = directory ]; then
    because "$1 is a directory now; move it away, then: sh $run/restore.sh"
    return 1
  fi
  [ "$sum" != - ] || return 0
  kept=$run/found$1.docker2cri-found
  if ! change mkdir -p -- "${kept%/*}" || ! change cp -p -- "$real" "$kept"; then
    because "$1 was changed meanwhile, and no copy of it can be kept: $reason"
    return 1
  fi
  note "$1 was neither before nor after; kept as $kept"
}

# note TEXT...: for whoever reads the journal later; it does not stop anything.
note() {
  say "$*"
  record note - - "$*"
}
