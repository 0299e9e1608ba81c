# Images: from the source's store into the target's, one by one. The source's part gives them, the target's takes them.

# carry INDEX REFERENCE CANONICAL ID SIZE: bytes that went over are told in RUN/images/INDEX, as dd prints them.
carry() {
  image_there "$3" "$4" && return 0
  here=$(source_image "$2") ||
    because "$source_title has no image $2 any more: $(printf %s "$here" | oneline)" || return 1
  [ "$here" = "$4" ] || because "$2 is another image now: $here, planned was $4; make a new plan" || return 1
  change mkdir -p -- "$run/images" || return 1
  known=$(image_named "$3")
  if bring "$1" "$2" "$3" "$5" "$4" && image_there "$3" "$4"; then return 0; fi
  case $reason in
    *' /var/tmp/'*'no space left'*) full_place=$root/var/tmp ;;
    *'no space left'*) full_place=$root$image_store ;;
    *) full_place= ;;
  esac
  [ -z "$full_place" ] || reason="the disk of $full_place is full ($(df -P -h "$full_place" | tail -n 1 | oneline))"
  # what came over half goes again; what was there before stays
  [ -n "$known" ] || drop_image "$3"
  because "image $2 was not carried over: $reason"
}

# pull NAME@DIGEST: from its registry, by the new runtime itself: the digest is that of the manifest there.
pull() {
  pulled_there "$1" && return 0
  fetch "$1" && pulled_there "$1" && return 0
  because "$runtime cannot pull $1: $reason; a copy from $source_title would have another digest. Pull it by hand" \
    "(pull secrets of pods are not used here), then apply again: $pull_by_hand $1"
}
