# Sourced on the first node of a SLURM job of several nodes, before its task starts: starts the same task on the
# other nodes, in a container or not as on the first, and tells each who meets whom where.
# .command.run is Nextflow's script of the task, and its nxf_launch the part that runs the command.
export PYBMFM_NODE=0 PYBMFM_MASTER PYBMFM_PORT
PYBMFM_MASTER=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
PYBMFM_PORT=$((20000 + SLURM_JOB_ID % 20000))

others=$((SLURM_JOB_NUM_NODES - 1))
# shellcheck disable=SC2016  # each node computes its own number
srun --relative=1 --nodes=$others --ntasks=$others --ntasks-per-node=1 --cpus-per-task="${SLURM_CPUS_PER_TASK:-1}" \
  bash -c '
    export PYBMFM_NODE=$((SLURM_PROCID + 1)) NXF_TASK_WORKDIR=$PWD
    export NXF_BOXID=$NXF_BOXID-$PYBMFM_NODE
    bash .command.run nxf_launch' &
