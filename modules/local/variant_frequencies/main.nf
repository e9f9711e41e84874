include { shellQuoted } from '../../../subworkflows/local/utils_params/main'

process VARIANT_FREQUENCIES {
    tag "${meta.genome} ${contig}"
    label 'process_low'
    container "${task.ext.registry}/pybmfm:${workflow.manifest.version}"

    input:
    tuple val(meta), val(contig), path(fasta, stageAs: 'genome/*'), path(fasta_index, stageAs: 'genome/*'), path(vcf, stageAs: 'variants/*'), path(vcf_index, stageAs: 'variants/*')
    path aliases, stageAs: 'aliases/*'
    val digest

    output:
    tuple val(meta), path('frequencies'), emit: frequencies
    tuple val("${task.process}"), val('pybmfm'), eval("pybmfm --version | sed 's/.* //'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    def names = aliases ? "--alias ${aliases}" : ''
    """
    variant-frequencies \\
        --fasta ${fasta} \\
        --vcf ${vcf} \\
        --contig ${shellQuoted(contig)} \\
        --out frequencies \\
        --threads ${task.cpus} \\
        ${names} ${args}
    """

    stub:
    """
    mkdir frequencies
    touch frequencies/contig.arrow
    echo '{"artefact": "frequency-table"}' > frequencies/manifest.json
    """
}
