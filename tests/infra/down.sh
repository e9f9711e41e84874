#!/usr/bin/env bash
# Stop what the *_up.sh scripts started under each DIR, by process id; --purge also deletes DIR.
# usage: down.sh [--purge] DIR...
set -u
# Until it is gone: who sets up next must not take it for one that works.
stop() { # PID
  kill "$1" 2>/dev/null || return
  for _ in $(seq 100); do
    kill -0 "$1" 2>/dev/null || return
    sleep 0.1
  done
}
purge=false
[ "${1:-}" != --purge ] || { purge=true; shift; }
for folder in "$@"; do
  if [ -f "$folder/slurm.conf" ]; then
    SLURM_CONF=$folder/slurm.conf timeout 10 scontrol shutdown
  fi
  for file in "$folder"/*.pid "$folder"/munge/munged.pid; do
    [ ! -f "$file" ] || stop "$(cat "$file")"
  done
  if $purge; then
    if [ -f "$folder/env.sh" ] && [ -f "$folder/storage.conf" ]; then
      # shellcheck source=/dev/null
      (. "$folder/env.sh" && podman system reset --force >/dev/null 2>&1)
    fi
    rm -rf "$folder"
  fi
done
true
