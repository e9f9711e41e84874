include { shellQuoted } from '../../../subworkflows/local/utils_params/main'

process PRETRAIN {
    tag "${meta.encoding}"
    label 'process_high'
    label 'process_gpu'
    container "${task.ext.registry}/pybmfm:${workflow.manifest.version}"

    input:
    tuple val(meta), val(weights), path(corpora, stageAs: 'corpora/?/*', arity: '1..*'), path(tokenizer, stageAs: 'tokenizer/*')
    val checkpoint_root
    val digest

    output:
    tuple val(meta), path("model_${meta.encoding}"), emit: checkpoint
    tuple val("${task.process}"), val('pybmfm'), eval("pybmfm --version | sed 's/.* //'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    def sources = [weights, corpora].transpose().collect { weight, corpus -> "--corpus ${corpus} --weight ${shellQuoted(weight)}" }
    def gpus = task.accelerator ? task.accelerator.request : 0
    def nodes = task.ext.nodes ?: 1
    if (nodes > 1 && task.executor != 'slurm') {
        error("--nodes ${nodes}: several nodes pretrain together on SLURM only; add -profile slurm or leave it out")
    }
    def meeting = nodes > 1
        ? "--nnodes ${nodes} --node-rank \$PYBMFM_NODE --master-addr \$PYBMFM_MASTER --master-port \$PYBMFM_PORT"
        : '--standalone'
    def launch = "python3 -m pybmfm.training.launch ${meeting} --nproc-per-node ${gpus ?: 1} -m pybmfm pretrain"
    // Every node runs this; what follows the command is for the first alone.
    def leave = nodes > 1 ? '[ $PYBMFM_NODE = 0 ] || exit 0' : ''
    """
    ${nodes > 1 || gpus > 1 ? launch : 'pretrain'} \\
        ${sources.join(' ')} \\
        --tokenizer ${tokenizer} \\
        --out model_${shellQuoted(meta.encoding)} \\
        --checkpoints ${shellQuoted("${checkpoint_root}/${meta.encoding}")} \\
        --resume \\
        --threads ${task.cpus} \\
        ${args}
    ${leave}
    """

    stub:
    """
    mkdir model_${shellQuoted(meta.encoding)}
    printf '{"artefact": "checkpoint", "encoding": "%s"}\\n' ${shellQuoted(meta.encoding)} > model_${shellQuoted(meta.encoding)}/manifest.json
    """
}
