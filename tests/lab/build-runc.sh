#!/bin/bash
# Build one runc release from its Go module, static, with seccomp: build-runc.sh VERSION OUT_DIR
# It is written in part in C: gcc and pkg-config are needed; libseccomp's headers and library come from Debian's package, unpacked.
set -euo pipefail
version=$1 out=$(realpath -m "$2")
work=$out/.build-$version; mkdir -p "$work"
cd "$work"
apt-get download -q libseccomp-dev
dpkg -x libseccomp-dev_*.deb seccomp
src=$(go mod download -json "github.com/opencontainers/runc@v$version" | python3 -c 'import json,sys; print(json.load(sys.stdin)["Dir"])')
lib=$work/seccomp/usr/lib/$(gcc -print-multiarch)
# Go's build cache keeps what pkg-config says of a package, whatever the folder is next time: the folder is told by flags that it keys by.
export PKG_CONFIG_PATH=$lib/pkgconfig CGO_CFLAGS="-O2 -I$work/seccomp/usr/include" CGO_LDFLAGS="-O2 -L$lib"
cd "$src"
CGO_ENABLED=1 GOWORK=off GOFLAGS="-buildvcs=false" go build -trimpath -tags "seccomp netgo osusergo" \
  -ldflags "-s -w -extldflags -static -X main.version=$version" -o "$out/" .
