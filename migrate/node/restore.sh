#!/bin/sh
# Puts this node back as it was found before the migration. `sh restore.sh` is all; it may be repeated, and a cut
# connection does not end it. After the node was uncordoned it asks for `--force`: drain the node first.
here=$(cd -- "$(dirname -- "$0")" && pwd) || exit 1
exec sh "$here/program.sh" rollback "$@"
