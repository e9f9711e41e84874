process MERGE_FREQUENCIES {
    tag "${parts.size()} contigs"
    label 'process_single'
    container "${task.ext.registry}/pybmfm:${workflow.manifest.version}"

    input:
    path parts, stageAs: 'parts/?/*', arity: '1..*'
    val digest

    output:
    path 'frequencies', emit: frequencies
    tuple val("${task.process}"), val('pybmfm'), eval("pybmfm --version | sed 's/.* //'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    def options = parts.collect { part -> "--frequencies ${part}" }.join(' ')
    """
    merge-frequencies \\
        ${options} \\
        --out frequencies \\
        ${args}
    """

    stub:
    """
    mkdir frequencies
    echo '{"artefact": "frequency-table"}' > frequencies/manifest.json
    """
}
