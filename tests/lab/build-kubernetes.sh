#!/bin/bash
# Build one Kubernetes release from its Go module: build-kubernetes.sh VERSION OUT_DIR CMD...
# CMD is a name under cmd/, or a package path such as ./test/images/agnhost; e.g.
# build-kubernetes.sh 1.23.17 out kubelet kubeadm kube-apiserver kube-controller-manager kube-scheduler kube-proxy kubectl
# 1.23.17 (the last release with dockershim) needs Go 1.19 (Debian: golang-1.19-go) and about 6 minutes on two cores for all
# seven; a kubelet of 1.24 or later builds with a newer Go.
set -euo pipefail
version=$1 out=$(realpath -m "$2"); shift 2
minor=${version#1.}; minor=${minor%%.*}
case $minor in 1?|2[0-5]) export PATH=/usr/lib/go-1.19/bin:$PATH GOROOT=/usr/lib/go-1.19 ;; esac
work=$out/.build-$version; mkdir -p "$work"
src=$(go mod download -json "k8s.io/kubernetes@v$version" | python3 -c 'import json,sys; print(json.load(sys.stdin)["Dir"])')
# The module's go.mod points at ./staging, which a module zip leaves out; the same code is published as k8s.io/X v0.MINOR.PATCH.
sed -E "s#=> \./staging/src/(k8s.io/[a-z0-9-]+)#=> \1 v0.${version#1.}#" "$src/go.mod" > "$work/go.mod"
cp "$src/go.sum" "$work/go.sum"; chmod u+w "$work"/go.*
export CGO_ENABLED=0 GOWORK=off GOFLAGS="-mod=mod -modfile=$work/go.mod -buildvcs=false" GODEBUG=goindex=0
cd "$src"
overlay=()
if [ ! -e pkg/generated/openapi/zz_generated.openapi.go ] && [[ " $* " == *" kube-apiserver "* ]]; then
  # Generated, not published: make it with the generator that the module itself requires, and lay it over the read-only source.
  # All of the published modules must lie in the cache first, or their models are left out and the API server will not start.
  staging=$(sed -nE '/sample-/d; s#^.* => (k8s.io/[a-z0-9-]+) (v0\.[0-9.]+)$#\1@\2#p' "$work/go.mod")
  (cd / && printf '%s\n' "$staging" | GOFLAGS='' xargs go mod download)
  cache=$(go env GOMODCACHE)
  packages() { (cd "$1" && grep -rlE '\+k8s:openapi-gen=true' --include='*.go' . | xargs -r -n1 dirname | sort -u | sed "s#^\.#$2#"); }
  inputs=$( { for module in $staging; do packages "$cache/$module" "${module%@*}"; done
    for own in cmd pkg; do packages "$own" "k8s.io/kubernetes/$own"; done; } | paste -sd,)
  go build -o "$work/openapi-gen" k8s.io/kube-openapi/cmd/openapi-gen
  "$work/openapi-gen" -O zz_generated.openapi --go-header-file /dev/null -p k8s.io/kubernetes/pkg/generated/openapi \
    -o "$work/generated" -r "$work/violations" -i "$inputs"
  printf '{"Replace":{"%s":"%s"}}' "$src/pkg/generated/openapi/zz_generated.openapi.go" \
    "$work/generated/k8s.io/kubernetes/pkg/generated/openapi/zz_generated.openapi.go" > "$work/overlay.json"
  overlay=(-overlay "$work/overlay.json")
fi
v=k8s.io/component-base/version; c=k8s.io/client-go/pkg/version
for cmd in "$@"; do
  [[ $cmd == ./* ]] || cmd=./cmd/$cmd
  go build -trimpath "${overlay[@]}" -o "$out/" \
    -ldflags "-s -w -X $v.gitVersion=v$version -X $v.gitMajor=1 -X $v.gitMinor=$minor -X $v.gitTreeState=clean -X $c.gitVersion=v$version" "$cmd"
done
