process SUMMARIZE {
    tag "${results.size()} results"
    label 'process_low'
    container "${task.ext.registry}/pybmfm:${workflow.manifest.version}"

    input:
    path results, stageAs: 'results/?/*', arity: '1..*'
    val digest

    output:
    path 'summary', emit: summary
    tuple val("${task.process}"), val('pybmfm'), eval("pybmfm --version | sed 's/.* //'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    def options = results.collect { result -> "--results ${result}" }.join(' ')
    """
    summarize \\
        ${options} \\
        --out summary \\
        ${args}
    """

    stub:
    """
    mkdir -p summary/multiqc
    touch summary/table2.tsv
    """
}
