process COMPARE_TOKENIZERS {
    tag "${names.join(', ')}"
    label 'process_single'
    container "${task.ext.registry}/pybmfm:${workflow.manifest.version}"

    input:
    val names
    path tokenizers, stageAs: 'tokenizers/?/*', arity: '1..*'
    path corpora, stageAs: 'corpora/?/*', arity: '1..*'
    val digest

    output:
    path 'comparison', emit: comparison
    tuple val("${task.process}"), val('pybmfm'), eval("pybmfm --version | sed 's/.* //'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    def rows = [names, tokenizers, corpora].transpose()
    def options = rows.collect { name, tokenizer, corpus -> "--tokenizer ${name}=${tokenizer} --corpus ${name}=${corpus}" }.join(' ')
    """
    compare-tokenizers \\
        ${options} \\
        --out comparison \\
        ${args}
    """

    stub:
    """
    mkdir comparison
    echo '{"artefact": "tokenizer-comparison"}' > comparison/manifest.json
    """
}
