include { shellQuoted } from '../../../subworkflows/local/utils_params/main'

process EMBED {
    tag "${meta.encoding}"
    label 'process_medium'
    label 'process_gpu'
    container "${task.ext.registry}/pybmfm:${workflow.manifest.version}"

    input:
    tuple val(meta), path(checkpoint, stageAs: 'checkpoint/*')
    path sequences, stageAs: 'sequences/*'
    val digest

    output:
    tuple val(meta), path("${meta.encoding}.parquet"), emit: embeddings
    tuple val("${task.process}"), val('pybmfm'), eval("pybmfm --version | sed 's/.* //'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    """
    embed \\
        --checkpoint ${checkpoint} \\
        --input ${sequences} \\
        --out ${shellQuoted(meta.encoding)}.parquet \\
        --threads ${task.cpus} \\
        ${args}
    """

    stub:
    """
    touch ${shellQuoted(meta.encoding)}.parquet
    """
}
