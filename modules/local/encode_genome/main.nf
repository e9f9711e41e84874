include { shellQuoted } from '../../../subworkflows/local/utils_params/main'

process ENCODE_GENOME {
    tag "${meta.encoding}"
    label 'process_low'
    container "${task.ext.registry}/pybmfm:${workflow.manifest.version}"

    input:
    tuple val(meta), path(fasta, stageAs: 'genome/*'), path(fasta_index, stageAs: 'genome/*'), path(variants, stageAs: 'variants/*'), path(variants_index, stageAs: 'variants/*')
    val region
    val digest

    output:
    tuple val(meta), path("${meta.encoding}.fa"), emit: encoded
    tuple val("${task.process}"), val('pybmfm'), eval("pybmfm --version | sed 's/.* //'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    def source = variants ==~ /.+\.(b?gz|vcf|bcf)/ ? '--haplotypes' : '--frequencies'
    def encode = variants ? "${source} ${variants}" : ''
    """
    encode-genome \\
        --fasta ${fasta} \\
        --region ${shellQuoted(region)} \\
        --out ${shellQuoted(meta.encoding)}.fa \\
        ${encode} ${args}
    """

    stub:
    """
    touch ${shellQuoted(meta.encoding)}.fa
    """
}
