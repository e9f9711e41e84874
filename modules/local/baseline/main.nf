process BASELINE {
    tag "${meta.task} ${meta.model} ${meta.seed}${meta.rows ? " of ${meta.rows} rows" : ''}"
    label 'process_low'
    container "${task.ext.registry}/pybmfm:${workflow.manifest.version}"

    input:
    tuple val(meta), path(train, stageAs: 'train/*'), path(dev, stageAs: 'dev/*'), path(test, stageAs: 'test/*')
    path motifs, stageAs: 'motifs/*', arity: '0..*'
    val digest

    output:
    tuple val(meta), path("${resultFolder(meta)}"), emit: result
    tuple val("${task.process}"), val('pybmfm'), eval("pybmfm --version | sed 's/.* //'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    def folder = resultFolder(meta)
    def few = meta.rows ? "--max-train-rows ${meta.rows}" : ''
    def metric = meta.metric ? "--metric ${meta.metric}" : ''
    def given = motifs && meta.model in ['kmer-forest', 'kmer-svm'] ? "--motifs ${motifs[0]}" : ''
    """
    baseline \\
        --model ${meta.model} \\
        --train ${train} \\
        --dev ${dev} \\
        --test ${test} \\
        --kind ${meta.kind} \\
        --task ${meta.task} \\
        --seed ${meta.seed} \\
        --out ${folder} \\
        --threads ${task.cpus} \\
        ${metric} ${given} ${args} ${few}
    """

    stub:
    def folder = resultFolder(meta)
    """
    mkdir -p ${folder}
    echo '{"artefact": "result"}' > ${folder}/manifest.json
    """
}

// Results with few training rows lie apart: rows_100/promoter/snp/seed_0
def resultFolder(meta) {
    return "${meta.rows ? "rows_${meta.rows}/" : ''}${meta.task}/${meta.model}/seed_${meta.seed}"
}
