#!/usr/bin/env bash
# A SLURM of several nodes on this one machine, each with two GPUs that are none, all under DIR.
# usage: slurm_up.sh DIR [NODES]; source DIR/env.sh        (down.sh DIR stops it)
# Every folder above DIR must be open to other users: munge runs as one.
set -euo pipefail
folder=$(realpath -m "$1")
nodes=${2:-2}
gpus=2
mkdir -p "$folder"/{devices,state,log,munge}
chmod 755 "$folder"
# shellcheck source=tests/infra/debian.sh
. "$(dirname "$0")/debian.sh"
install_packages "$folder/apt.log" slurm-wlm munge

if [ -f "$folder/env.sh" ] && SLURM_CONF=$folder/slurm.conf timeout 5 sinfo >/dev/null 2>&1; then
  exit 0
fi
# What stays running must not hold the pipes of whoever called this.
quietly() { "$@" >>"$folder/log/start.log" 2>&1 </dev/null; }

host=$(hostname)
[ -f "$folder/munge.key" ] || head -c 1024 /dev/urandom >"$folder/munge.key"
chown munge: "$folder/munge.key" "$folder/munge"
chmod 400 "$folder/munge.key"
quietly setpriv --reuid=munge --regid=munge --clear-groups munged --key-file="$folder/munge.key" \
  --socket="$folder/munge/socket" --pid-file="$folder/munge/munged.pid" \
  --log-file="$folder/munge/log" --seed-file="$folder/munge/seed"

# The GPUs of a node are files that SLURM counts and numbers; nothing can compute on them.
{ printf '127.0.0.1 localhost %s\n' "$host"; seq -f '127.0.0.1 n%g' "$nodes"; } >"$folder/hosts"
: >"$folder/gres.conf"
for node in $(seq "$nodes"); do
  mkdir -p "$folder/spool-n$node"
  for gpu in $(seq 0 $((gpus - 1))); do
    device=$folder/devices/n$node-nvidia$gpu
    [ -e "$device" ] || mknod "$device" c 1 3
    echo "NodeName=n$node Name=gpu File=$device" >>"$folder/gres.conf"
  done
done
cat >"$folder/slurm.conf" <<SETTINGS
ClusterName=test
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$folder/munge/socket
MpiDefault=none
ReturnToService=2
# Paths
StateSaveLocation=$folder/state
SlurmdSpoolDir=$folder/spool-%n
SlurmctldPidFile=$folder/slurmctld.pid
SlurmctldLogFile=$folder/log/slurmctld.log
SlurmdPidFile=$folder/slurmd-%n.pid
SlurmdLogFile=$folder/log/slurmd-%n.log
# No accounting database: the finished jobs are a text file.
JobCompType=jobcomp/filetxt
JobCompLoc=$folder/log/jobcomp.txt
# Cores, memory and GPUs are given out and memory is kept to; jobs start at once.
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
DefMemPerCPU=512
ProctrackType=proctrack/linuxproc
TaskPlugin=task/affinity
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1
KillWait=3
# What is in the way of an urgent job is requeued, where it may be, in one partition and cancelled in the other.
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
SlurmdTimeout=10
GresTypes=gpu
SlurmdParameters=config_overrides
NodeName=n[1-$nodes] NodeHostname=$host NodeAddr=127.0.0.1 Port=[16821-$((16820 + nodes))] CPUs=2 CoresPerSocket=2 RealMemory=10000 Gres=gpu:$gpus State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
PartitionName=spot Nodes=ALL MaxTime=INFINITE State=UP PreemptMode=CANCEL
PartitionName=urgent Nodes=ALL MaxTime=INFINITE State=UP PriorityTier=2
SETTINGS
echo "export SLURM_CONF='$folder/slurm.conf'" >"$folder/env.sh"
# shellcheck source=/dev/null
. "$folder/env.sh"

quietly slurmctld -c
for node in $(seq "$nodes"); do
  "$(dirname "$0")/slurm_node.sh" "$folder" "n$node"
done
for _ in $(seq 120); do
  [ "$(sinfo --noheader --Node --format %T | grep -c idle)" -lt $((2 * nodes)) ] || exit 0
  sleep 0.25
done
echo "Error: the nodes do not come up, see $folder/log" >&2
exit 1
