include { shellQuoted } from '../../../subworkflows/local/utils_params/main'

process COMPARE_TOKENIZERS {
    tag "${names.join(', ')}"
    label 'process_single'
    container "${task.ext.registry}/pybmfm:${workflow.manifest.version}"

    input:
    val names
    path tokenizers, stageAs: 'tokenizers/?/*', arity: '1..*'
    val corpus_names
    path corpora, stageAs: 'corpora/?/*', arity: '1..*'
    val digest

    output:
    path 'comparison', emit: comparison
    tuple val("${task.process}"), val('pybmfm'), eval("pybmfm --version | sed 's/.* //'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    def given = [names, tokenizers].transpose().collect { name, tokenizer -> "--tokenizer ${shellQuoted(name)}=${tokenizer}" }
    def read = [corpus_names, corpora].transpose().collect { name, corpus -> "--corpus ${shellQuoted(name)}=${corpus}" }
    """
    compare-tokenizers \\
        ${(given + read).join(' ')} \\
        --out comparison \\
        ${args}
    """

    stub:
    """
    mkdir comparison
    echo '{"artefact": "tokenizer-comparison"}' > comparison/manifest.json
    """
}
