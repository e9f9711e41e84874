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
    def sources = [weights, corpora].transpose().collect { weight, corpus -> "--corpus ${corpus} --weight ${weight}" }
    def gpus = task.accelerator ? task.accelerator.request : 0
    def pretrain = gpus > 1 ? "torchrun --standalone --nproc-per-node ${gpus} -m pybmfm pretrain" : 'pretrain'
    """
    ${pretrain} \\
        ${sources.join(' ')} \\
        --tokenizer ${tokenizer} \\
        --out model_${meta.encoding} \\
        --checkpoints '${checkpoint_root}/${meta.encoding}' \\
        --resume \\
        --threads ${task.cpus} \\
        ${args}
    """

    stub:
    """
    mkdir model_${meta.encoding}
    echo '{"artefact": "checkpoint", "encoding": "${meta.encoding}"}' > model_${meta.encoding}/manifest.json
    """
}
