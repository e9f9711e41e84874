process EXTRACT_SEQUENCES {
    tag "${meta.task}"
    label 'process_single'
    container "${task.ext.registry}/pybmfm:${workflow.manifest.version}"

    input:
    tuple val(meta), path(train, stageAs: 'train/*'), path(dev, stageAs: 'dev/*'), path(test, stageAs: 'test/*')
    val digest

    output:
    tuple val(meta), path('reads.fa'), emit: reads
    tuple val("${task.process}"), val('pybmfm'), eval("pybmfm --version | sed 's/.* //'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    """
    extract-sequences \\
        --input ${train} \\
        --input ${dev} \\
        --input ${test} \\
        --out reads.fa \\
        ${args}
    """

    stub:
    """
    touch reads.fa
    """
}
