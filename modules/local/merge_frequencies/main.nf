include { shellQuoted } from '../../../subworkflows/local/utils_params/main'

process MERGE_FREQUENCIES {
    tag "${meta.genome}"
    label 'process_single'
    container "${task.ext.registry}/pybmfm:${workflow.manifest.version}"

    input:
    tuple val(meta), path(parts, stageAs: 'parts/?/*', arity: '1..*')
    val digest

    output:
    tuple val(meta), path("frequencies${meta.suffix}"), emit: frequencies
    tuple val("${task.process}"), val('pybmfm'), eval("pybmfm --version | sed 's/.* //'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    def options = parts.collect { part -> "--frequencies ${part}" }.join(' ')
    """
    merge-frequencies \\
        ${options} \\
        --out frequencies${shellQuoted(meta.suffix)} \\
        ${args}
    """

    stub:
    """
    mkdir frequencies${shellQuoted(meta.suffix)}
    echo '{"artefact": "frequency-table"}' > frequencies${shellQuoted(meta.suffix)}/manifest.json
    """
}
