include { shellQuoted } from '../../../subworkflows/local/utils_params/main'

process PREDICT {
    tag "${meta.task} ${meta.model}"
    label 'process_medium'
    label 'process_gpu'
    container "${task.ext.registry}/pybmfm:${workflow.manifest.version}"

    input:
    tuple val(meta), path(checkpoint, stageAs: 'checkpoint/*')
    tuple path(fasta, stageAs: 'genome/*'), path(fasta_index, stageAs: 'genome/*')
    path sequences, stageAs: 'sequences/*'
    val digest

    output:
    tuple val(meta), path("${meta.task}.${meta.model}.tsv"), emit: predictions
    tuple val("${task.process}"), val('pybmfm'), eval("pybmfm --version | sed 's/.* //'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    def reference = fasta ? "--fasta ${fasta}" : ''
    """
    predict \\
        --checkpoint ${checkpoint} \\
        --input ${sequences} \\
        --out ${shellQuoted("${meta.task}.${meta.model}")}.tsv \\
        --threads ${task.cpus} \\
        ${reference} ${args}
    """

    stub:
    """
    touch ${shellQuoted("${meta.task}.${meta.model}")}.tsv
    """
}
