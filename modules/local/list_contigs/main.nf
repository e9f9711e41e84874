include { shellQuoted } from '../../../subworkflows/local/utils_params/main'

process LIST_CONTIGS {
    tag "${meta.genome}"
    label 'process_single'
    container "${task.ext.registry}/pybmfm:${workflow.manifest.version}"

    input:
    tuple val(meta), path(fasta, stageAs: 'genome/*'), path(fasta_index, stageAs: 'genome/*'), path(vcf, stageAs: 'variants/*'), path(vcf_index, stageAs: 'variants/*')
    path aliases, stageAs: 'aliases/*'
    val digest

    output:
    tuple val(meta), path("contigs${meta.suffix}.tsv"), emit: contigs
    tuple val("${task.process}"), val('pybmfm'), eval("pybmfm --version | sed 's/.* //'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    def names = aliases ? "--alias ${aliases}" : ''
    """
    list-contigs \\
        --fasta ${fasta} \\
        --vcf ${vcf} \\
        --out contigs${shellQuoted(meta.suffix)}.tsv \\
        ${names} ${args}
    """

    stub:
    """
    printf 'contig\\tlength\\tvcf_name\\nchr1\\t1000\\t1\\nchr2\\t1000\\t2\\n' > contigs${shellQuoted(meta.suffix)}.tsv
    """
}
