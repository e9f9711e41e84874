include { shellQuoted } from '../../../subworkflows/local/utils_params/main'

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
    def folder = shellQuoted(resultFolder(meta))
    def few = meta.rows ? "--max-train-rows ${shellQuoted(meta.rows)}" : ''
    def metric = meta.metric ? "--metric ${shellQuoted(meta.metric)}" : ''
    def start = meta.model == 'scratch' ? '--from-scratch' : meta.model == 'frozen-random' ? '--from-scratch --frozen' : ''
    def save = meta.save ? '--save-model' : ''
    """
    finetune \\
        --checkpoint ${checkpoint} \\
        --train ${train} \\
        --dev ${dev} \\
        --test ${test} \\
        --kind ${shellQuoted(meta.kind)} \\
        --task ${shellQuoted(meta.task)} \\
        --model-name ${shellQuoted(meta.model)} \\
        --seed ${shellQuoted(meta.seed)} \\
        --out ${folder} \\
        --threads ${task.cpus} \\
        --checkpoints ${shellQuoted(checkpoint_root)}/finetuning \\
        --resume \\
        ${start} ${metric} ${save} ${args} ${few}
    """

    stub:
    def folder = shellQuoted(resultFolder(meta))
    """
    mkdir -p ${folder}/model
    echo '{"artefact": "result"}' > ${folder}/manifest.json
    """
}

// Results with few training rows lie apart: rows_100/promoter/snp/seed_0
def resultFolder(meta) {
    return "${meta.rows ? "rows_${meta.rows}/" : ''}${meta.task}/${meta.model}/seed_${meta.seed}"
}
