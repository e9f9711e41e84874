process BUILD_CORPUS {
    tag "${meta.encoding}"
    label 'process_medium'
    container "${task.ext.registry}/pybmfm:${workflow.manifest.version}"

    input:
    tuple val(meta), path(frequencies), path(tokenizer, stageAs: 'tokenizer/*')
    tuple path(fasta, stageAs: 'genome/*'), path(fasta_index, stageAs: 'genome/*')
    path windows
    val digest

    output:
    tuple val(meta), path("corpus_${meta.encoding}"), emit: corpus
    tuple val("${task.process}"), val('pybmfm'), eval("pybmfm --version | sed 's/.* //'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    def variants = frequencies ? "--frequencies ${frequencies}" : ''
    """
    build-corpus \\
        --fasta ${fasta} \\
        --windows ${windows} \\
        --tokenizer ${tokenizer} \\
        --out corpus_${meta.encoding} \\
        --threads ${task.cpus} \\
        ${variants} ${args}
    """

    stub:
    """
    mkdir -p corpus_${meta.encoding}/{train,dev,test}
    echo '{"artefact": "corpus", "encoding": "${meta.encoding}"}' > corpus_${meta.encoding}/manifest.json
    """
}
