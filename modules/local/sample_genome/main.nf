include { shellQuoted } from '../../../subworkflows/local/utils_params/main'

process SAMPLE_GENOME {
    tag "${meta.genome}"
    label 'process_single'
    container "${task.ext.registry}/pybmfm:${workflow.manifest.version}"

    input:
    tuple val(meta), path(fasta, stageAs: 'genome/*'), path(fasta_index, stageAs: 'genome/*')
    val digest

    output:
    tuple val(meta), path("windows${meta.suffix}"), emit: windows
    tuple val("${task.process}"), val('pybmfm'), eval("pybmfm --version | sed 's/.* //'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    """
    sample-genome \\
        --fasta ${fasta} \\
        --out windows${shellQuoted(meta.suffix)} \\
        ${args}
    """

    stub:
    """
    mkdir windows${shellQuoted(meta.suffix)}
    touch windows${shellQuoted(meta.suffix)}/windows.parquet
    echo '{"artefact": "windows", "made_by": "${task.process}"}' > windows${shellQuoted(meta.suffix)}/manifest.json
    """
}
