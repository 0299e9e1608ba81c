#!/bin/bash
# Build one containerd release (containerd, ctr, its shim, its unit file) from its Go module: build-containerd.sh VERSION OUT_DIR
# 1.7.35 needs Go 1.25, 2.3 and 2.4 need 1.26: Debian's golang-1.19-go is too old. A minute or two each on two cores.
set -euo pipefail
version=$1 out=$(realpath -m "$2")
module=github.com/containerd/containerd; [ "${version%%.*}" -lt 2 ] || module=$module/v2
work=$out/.build-$version; mkdir -p "$work"
cd "$work"
src=$(go mod download -json "$module@v$version" | python3 -c 'import json,sys; print(json.load(sys.stdin)["Dir"])')
# The module's go.mod points at ./api, which a module zip leaves out; the same code is published as containerd/api.
sed '/=> \.\/api/d' "$src/go.mod" > "$work/go.mod"; cp "$src/go.sum" "$work/go.sum"; chmod u+w "$work"/go.*
cd "$src"
CGO_ENABLED=0 GOWORK=off GOFLAGS="-mod=mod -modfile=$work/go.mod -buildvcs=false" go build -trimpath -tags "no_btrfs no_devmapper no_zfs" \
  -ldflags "-s -w -X $module/version.Version=v$version" -o "$out/" ./cmd/containerd ./cmd/ctr ./cmd/containerd-shim-runc-v2
cp "$src/containerd.service" "$out/"; chmod u+w "$out/containerd.service"
