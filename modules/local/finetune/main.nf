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
    tuple val(meta), path("${meta.rows ? "rows_${meta.rows}/" : ''}${meta.task}/${meta.model}/seed_${meta.seed}"), emit: result
    tuple val(meta), path("${meta.rows ? "rows_${meta.rows}/" : ''}${meta.task}/${meta.model}/seed_${meta.seed}/model"), emit: model, optional: true
    tuple val("${task.process}"), val('pybmfm'), eval("pybmfm --version | sed 's/.* //'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    def folder = "${meta.rows ? "rows_${meta.rows}/" : ''}${meta.task}/${meta.model}/seed_${meta.seed}"
    def few = meta.rows ? "--max-train-rows ${meta.rows}" : ''
    def metric = meta.metric ? "--metric ${meta.metric}" : ''
    def start = [scratch: '--from-scratch', 'frozen-random': '--from-scratch --frozen'].get(meta.model) ?: ''
    def save = !meta.rows && "${meta.seed}" == task.ext.save_seed && (!task.ext.save_tasks || meta.task in task.ext.save_tasks) ? '--save-model' : ''
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
    def folder = "${meta.rows ? "rows_${meta.rows}/" : ''}${meta.task}/${meta.model}/seed_${meta.seed}"
    """
    mkdir -p ${folder}/model
    echo '{"artefact": "result"}' > ${folder}/manifest.json
    """
}
