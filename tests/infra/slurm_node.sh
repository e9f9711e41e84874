#!/usr/bin/env bash
# Start one node of the SLURM under DIR, or start it again after it was killed.
# usage: slurm_node.sh DIR NODE
set -euo pipefail
folder=$(realpath "$1")
export SLURM_CONF=$folder/slurm.conf
# The nodes' names are known to the nodes only.
unshare --mount bash -c "mount --bind '$folder/hosts' /etc/hosts; slurmd -N '$2'" \
  >>"$folder/log/start.log" 2>&1 </dev/null
