process FINETUNE {
    tag "${meta.task} ${meta.model} ${meta.seed}${meta.rows ? " of ${meta.rows} rows" : ''}"
    label 'process_medium'
    label 'process_gpu'
    container "${task.ext.registry}/pybmfm:${workflow.manifest.version}"

    input:
    tuple val(meta), path(checkpoint, stageAs: 'checkpoint/*'), path(train, stageAs: 'train/*'), path(dev, stageAs: 'dev/*'), path(test, stageAs: 'test/*')
    val checkpoint_root
    val digest

    output:
    tuple val(meta), path("${resultFolder(meta)}"), emit: result
    tuple val(meta), path("${resultFolder(meta)}/model"), emit: model, optional: true
    tuple val("${task.process}"), val('pybmfm'), eval("pybmfm --version | sed 's/.* //'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    def folder = resultFolder(meta)
    def few = meta.rows ? "--max-train-rows ${meta.rows}" : ''
    def metric = meta.metric ? "--metric ${meta.metric}" : ''
    def start = [scratch: '--from-scratch', 'frozen-random': '--from-scratch --frozen'].get(meta.model) ?: ''
    def save = meta.save ? '--save-model' : ''
    """
    finetune \\
        --checkpoint ${checkpoint} \\
        --train ${train} \\
        --dev ${dev} \\
        --test ${test} \\
        --kind ${meta.kind} \\
        --task ${meta.task} \\
        --model-name ${meta.model} \\
        --seed ${meta.seed} \\
        --out ${folder} \\
        --threads ${task.cpus} \\
        --checkpoints '${checkpoint_root}/finetuning' \\
        --resume \\
        ${start} ${metric} ${save} ${args} ${few}
    """

    stub:
    def folder = resultFolder(meta)
    """
    mkdir -p ${folder}/model
    echo '{"artefact": "result"}' > ${folder}/manifest.json
    """
}

// Results with few training rows lie apart: rows_100/promoter/snp/seed_0
def resultFolder(meta) {
    return "${meta.rows ? "rows_${meta.rows}/" : ''}${meta.task}/${meta.model}/seed_${meta.seed}"
}
