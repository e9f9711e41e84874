include { shellQuoted } from '../../../subworkflows/local/utils_params/main'

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
    def folder = shellQuoted(resultFolder(meta))
    def few = meta.rows ? "--max-train-rows ${shellQuoted(meta.rows)}" : ''
    def metric = meta.metric ? "--metric ${shellQuoted(meta.metric)}" : ''
    def given = motifs && meta.model in ['kmer-forest', 'kmer-svm'] ? "--motifs ${motifs[0]}" : ''
    """
    baseline \\
        --model ${shellQuoted(meta.model)} \\
        --train ${train} \\
        --dev ${dev} \\
        --test ${test} \\
        --kind ${shellQuoted(meta.kind)} \\
        --task ${shellQuoted(meta.task)} \\
        --seed ${shellQuoted(meta.seed)} \\
        --out ${folder} \\
        --threads ${task.cpus} \\
        ${metric} ${given} ${args} ${few}
    """

    stub:
    def folder = shellQuoted(resultFolder(meta))
    """
    mkdir -p ${folder}
    echo '{"artefact": "result"}' > ${folder}/manifest.json
    """
}

// Results with few training rows lie apart: rows_100/promoter/snp/seed_0
def resultFolder(meta) {
    return "${meta.rows ? "rows_${meta.rows}/" : ''}${meta.task}/${meta.model}/seed_${meta.seed}"
}
