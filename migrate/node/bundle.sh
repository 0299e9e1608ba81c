# The files of a static tarball, laid while the source serves the node. RUN/bundle.list has a line for each:
# SHA256 MODE SOURCE PATH, where SOURCE is a member of RUN/bundle.tar.gz, or `run:NAME` for RUN/bundle/NAME.
# They stay: a rollback removes neither them nor their directories.

bundle_tar=$run/bundle.tar.gz
bundle_one=$run/bundle.member
bundle_owner=root:root

# bundle_each FUNCTION: called with SHA256 MODE SOURCE PATH for each line, up to the first that fails.
bundle_each() {
  [ -s "$run/bundle.list" ] ||
    because "$run/bundle.list is missing: nothing says which files are to be laid" || return 1
  while read -r bundle_sum bundle_mode bundle_source bundle_path; do
    case $bundle_path in
      /*) ;;
      *) because "$run/bundle.list has a line that cannot be read: $bundle_sum" || return 1 ;;
    esac
    "$1" "$bundle_sum" "$bundle_mode" "$bundle_source" "$bundle_path" </dev/null || return 1
  done <"$run/bundle.list"
}

# bundle_free: every path is free, or is the planned file already; what is there already is never overwritten.
bundle_free() { bundle_each bundle_path_free; }

bundle_path_free() {
  real=$root$4
  if [ -h "$real" ]; then
    bundle_in_the_way "$4 is there already, a link to $(readlink -- "$real")"
  elif [ ! -e "$real" ]; then
    bundle_above "${real%/*}"
  elif [ ! -f "$real" ]; then
    bundle_in_the_way "$4 is there already, and is no file"
  else
    sha_of "$real" || return 1
    [ "$sum" = "$1" ] || bundle_in_the_way "$4 is there already with hash $sum, planned is $1"
  fi
}

bundle_in_the_way() { because "$1: nothing is overwritten; move it away, then the same again"; }

# bundle_above DIRECTORY: what stands in its way up to the root is a directory.
bundle_above() {
  bundle_up=$1
  while [ -n "$bundle_up" ] && [ ! -e "$bundle_up" ] && [ ! -h "$bundle_up" ]; do bundle_up=${bundle_up%/*}; done
  [ -d "${bundle_up:-/}" ] ||
    because "$bundle_up is there already, and is no directory; move it away, then the same again"
}

# bundle_there: all files are there as planned.
bundle_there() { bundle_each bundle_path_there; }

bundle_path_there() {
  real=$root$4
  [ -f "$real" ] && [ ! -h "$real" ] || because "$4 is not there" || return 1
  sha_of "$real" || return 1
  [ "$sum" = "$1" ] || because "$4 has hash $sum, planned was $1" || return 1
  laid_as=$(stat -c '%a %U:%G' -- "$real") || because "$real cannot be looked at" || return 1
  [ "$laid_as" = "$2 $bundle_owner" ] || because "$4 is $laid_as, planned was $2 $bundle_owner"
}

# bundle_lay SHA256: from the tarball of this hash; each file is there whole or not at all, and those that are there
# already are left alone. SELinux knows some of them by their own names, so they get their labels there: crio is
# container_runtime_exec_t (container-selinux).
bundle_lay() {
  bundle_there || bundle_lay_missing "$1" || return 1
  bundle_tidy || return 1
  [ ! -e /sys/fs/selinux/enforce ] || ! has restorecon || bundle_each bundle_path_label
}

bundle_path_label() { attempt restorecon -- "$root$4"; }

bundle_lay_missing() {
  bundle_free || return 1
  [ -f "$bundle_tar" ] ||
    because "$bundle_tar is missing: the tarball was not pushed; docker2cri apply pushes it again" || return 1
  sha_of "$bundle_tar" || return 1
  [ "$sum" = "$1" ] ||
    because "$bundle_tar has hash $sum, planned was $1: it did not come whole;" \
      "docker2cri apply pushes it again" || return 1
  bundle_each bundle_path_lay && bundle_there
}

bundle_path_lay() {
  ! bundle_path_there "$@" || return 0
  bundle_path_free "$@" || return 1
  case $3 in
    run:*) bundle_from=$run/bundle/${3#run:} ;;
    *)
      bundle_from=$bundle_one
      bundle_unpack "$3" || return 1
      sha_of "$bundle_one" || return 1
      [ "$sum" = "$1" ] ||
        because "$3 in $bundle_tar has hash $sum, planned was $1 ($(oneline <"$run/bundle.err"));" \
          "make a new plan" || return 1
      ;;
  esac
  bundle_directory "${real%/*}" && lay_beside "$bundle_from" "$1" "$2" "$bundle_owner" && put_beside
}

# bundle_unpack MEMBER: alone and to one file, so that no name or link of the tarball ever becomes a path; its hash is
# what tells success.
bundle_unpack() {
  said=$(
    { tar -xzOf "$bundle_tar" -- "$1" 2>"$run/bundle.err" | dd of="$bundle_one" bs=65536 conv=fsync 2>&1; } 9>&-
  ) && return 0
  cannot written "$bundle_one" "$said"
  rm -f -- "$bundle_one" 2>/dev/null
  return 1
}

# bundle_directory DIRECTORY: with its parents; it is not noted in RUN/made, as it stays.
bundle_directory() {
  [ ! -d "$1" ] || return 0
  bundle_directory "${1%/*}" && change mkdir -m 755 -- "$1"
}

# bundle_tidy: what a laying that was cut off left beside its files; safe at any time and again.
bundle_tidy() {
  [ -s "$run/bundle.list" ] || return 0
  change rm -f -- "$run/bundle.err" && change rm -f -- "$bundle_one" && bundle_each bundle_path_tidy
}

bundle_path_tidy() {
  real=$root$4
  temporary
  change rm -f -- "$beside"
}
