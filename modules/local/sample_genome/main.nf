process SAMPLE_GENOME {
    tag 'genome'
    label 'process_single'
    container "${task.ext.registry}/pybmfm:${workflow.manifest.version}"

    input:
    tuple path(fasta, stageAs: 'genome/*'), path(fasta_index, stageAs: 'genome/*')
    val digest

    output:
    path 'windows', emit: windows
    tuple val("${task.process}"), val('pybmfm'), eval("pybmfm --version | sed 's/.* //'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    """
    sample-genome \\
        --fasta ${fasta} \\
        --out windows \\
        ${args}
    """

    stub:
    """
    mkdir windows
    touch windows/windows.parquet
    echo '{"artefact": "windows", "made_by": "${task.process}"}' > windows/manifest.json
    """
}
