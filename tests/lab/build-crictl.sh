#!/bin/bash
# Build crictl from a checkout of cri-tools into the lab's cache, for the tests that want one on a node: build-crictl.sh CHECKOUT
# CHECKOUT: git clone --depth 1 --branch v1.23.0 https://github.com/kubernetes-sigs/cri-tools
# v1.23.0 brings its dependencies in vendor/ and needs Go 1.19 (Debian: golang-1.19-go); half a minute on two cores.
set -euo pipefail
cd "$1"
out=${LAB_CACHE:-$HOME/.cache/docker2cri-lab}/tools
mkdir -p "$out"
export PATH=/usr/lib/go-1.19/bin:$PATH GOROOT=/usr/lib/go-1.19 CGO_ENABLED=0 GOFLAGS="-mod=vendor -buildvcs=false"
go build -trimpath -ldflags "-s -w -X github.com/kubernetes-sigs/cri-tools/pkg/version.Version=v1.23.0" -o "$out/crictl" ./cmd/crictl
