#!/bin/sh
# The whole story on captured real nodes: nothing is touched, no cluster and no root are needed.
set -eu
bundle=fixtures/clusters/debian12-kubeadm-1.23-dockershim
folder=$(mktemp -d)
plan=$folder/plan.json
report=$folder/report.html

say() { printf '\n\n### %s\n\n' "$1"; }
show() {
  printf '$ docker2cri %s\n\n' "$(printf '%s ' "$@")"
  # 3 and 7 are answers here (blockers found, plan no longer holds), not failures of the demo
  code=0
  "${DOCKER2CRI:-.venv/bin/docker2cri}" "$@" || code=$?
  case $code in 0 | 3 | 7) printf '\n(exit code %s)\n' "$code" ;; *) exit "$code" ;; esac
}

say 'What would break? (captures of a real three-node Kubernetes 1.23 cluster on dockershim)'
show inspect --from "$bundle"
say 'What does such a finding mean?'
show explain D2C301
say 'What exactly would be done to the clean worker?'
show plan --to containerd --from "$bundle" lab-w1 --out "$plan"
say 'And to the one with blockers, once its admin has accepted them?'
show plan --to containerd --from "$bundle" lab-w2 --no-diff \
  --accept D2C113='forwarder moved to another host' --accept D2C301='builds moved to BuildKit' \
  --accept D2C320='import is done' --accept D2C321='import is done'
say 'Does the saved plan still hold?'
show plan --check "$plan" --from "$bundle"
say 'Switch and rollback: the program that runs on a node, on a scratch copy of a captured one'
"$(dirname "${DOCKER2CRI:-.venv/bin/docker2cri}")/python" -m tools.demo_node
say 'And for those who decide: the whole compatibility report, with every file change, as one offline HTML file'
show inspect --from "$bundle" --diff --accept D2C113='forwarder moved to another host' --accept D2C301='builds moved to BuildKit' \
  --accept D2C320='import is done' --accept D2C321='import is done' -o html --out "$report"
printf '\nThe report is %s (%s bytes): open it in a browser; it loads nothing from anywhere.\n' "$report" "$(wc -c <"$report")"
