include { shellQuoted } from '../../../subworkflows/local/utils_params/main'

process BUILD_CORPUS {
    tag "${meta.encoding} ${meta.genome}"
    label 'process_medium'
    container "${task.ext.registry}/pybmfm:${workflow.manifest.version}"

    input:
    tuple val(meta), path(fasta, stageAs: 'genome/*'), path(fasta_index, stageAs: 'genome/*'), path(windows), path(variants, stageAs: 'variants/*'), path(variants_index, stageAs: 'variants/*'), path(tokenizer, stageAs: 'tokenizer/*')
    val digest

    output:
    tuple val(meta), path("corpus_${meta.encoding}${meta.suffix}"), emit: corpus
    tuple val("${task.process}"), val('pybmfm'), eval("pybmfm --version | sed 's/.* //'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    def folder = shellQuoted("corpus_${meta.encoding}${meta.suffix}")
    def source = variants ==~ /.+\.(b?gz|vcf|bcf)/ ? '--haplotypes' : '--frequencies'
    def encode = variants ? "${source} ${variants} --ref-share ${task.ext.ref_share ?: 0}" : ''
    """
    build-corpus \\
        --fasta ${fasta} \\
        --windows ${windows} \\
        --tokenizer ${tokenizer} \\
        --out ${folder} \\
        --threads ${task.cpus} \\
        ${encode} ${args}
    """

    stub:
    def folder = shellQuoted("corpus_${meta.encoding}${meta.suffix}")
    """
    mkdir -p ${folder}/{train,dev,test}
    printf '{"artefact": "corpus", "encoding": "%s"}\\n' ${shellQuoted(meta.encoding)} > ${folder}/manifest.json
    """
}
