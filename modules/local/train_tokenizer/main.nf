process TRAIN_TOKENIZER {
    tag "${meta.encoding}"
    label 'process_medium'
    container "${task.ext.registry}/pybmfm:${workflow.manifest.version}"

    input:
    tuple val(meta), path(frequencies)
    tuple path(fasta, stageAs: 'genome/*'), path(fasta_index, stageAs: 'genome/*')
    path windows
    val digest

    output:
    tuple val(meta), path("tokenizer_${meta.encoding}"), emit: tokenizer
    tuple val("${task.process}"), val('pybmfm'), eval("pybmfm --version | sed 's/.* //'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    def variants = frequencies ? "--frequencies ${frequencies}" : ''
    """
    train-tokenizer \\
        --fasta ${fasta} \\
        --windows ${windows} \\
        --out tokenizer_${meta.encoding} \\
        --threads ${task.cpus} \\
        ${variants} ${args}
    """

    stub:
    """
    mkdir tokenizer_${meta.encoding}
    echo '{"artefact": "tokenizer", "encoding": "${meta.encoding}"}' > tokenizer_${meta.encoding}/manifest.json
    """
}
