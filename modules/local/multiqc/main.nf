process MULTIQC {
    tag 'report'
    label 'process_single'
    container "${task.ext.registry}/pybmfm:${workflow.manifest.version}"

    input:
    path summary
    path config

    output:
    path 'report.html', emit: report
    tuple val("${task.process}"), val('multiqc'), eval("python3 -c 'from importlib.metadata import version; print(version(\"multiqc\"))'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    """
    multiqc \\
        --config ${config} \\
        --filename report.html \\
        --outdir . \\
        ${args} \\
        ${summary}/multiqc
    """

    stub:
    """
    echo '<html></html>' > report.html
    """
}
