#!/bin/sh
# Compact a memory store from cron, a systemd timer or CI, and keep one line of JSON a run.
#
#   memory-compact.sh STORE [LOG]
#
# Safe beside running agents. Ends with what `memory compact` ends with: 0 done or nothing to do, 1 recall fell or the disk
# refused (nothing was changed), 4 another compaction is going on or too much would go (try again, or look at it by hand).
set -u
store=${1:?usage: memory-compact.sh STORE [LOG]}
log=${2:-/dev/stdout}
report=$(memory --root "$store" compact --apply --verify --quiet)
code=$?
[ -z "$report" ] || printf '%s\n' "$report" >> "$log"
exit "$code"
