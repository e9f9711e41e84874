process VARIANT_FREQUENCIES {
    tag "${contig}"
    label 'process_low'
    container "${task.ext.registry}/pybmfm:${workflow.manifest.version}"

    input:
    val contig
    tuple path(fasta, stageAs: 'genome/*'), path(fasta_index, stageAs: 'genome/*')
    tuple path(vcf, stageAs: 'variants/*'), path(vcf_index, stageAs: 'variants/*')
    val digest

    output:
    path 'frequencies', emit: frequencies
    tuple val("${task.process}"), val('pybmfm'), eval("pybmfm --version | sed 's/.* //'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    """
    variant-frequencies \\
        --fasta ${fasta} \\
        --vcf ${vcf} \\
        --contig '${contig}' \\
        --out frequencies \\
        --threads ${task.cpus} \\
        ${args}
    """

    stub:
    """
    mkdir frequencies
    touch 'frequencies/${contig}.arrow'
    echo '{"artefact": "frequency-table"}' > frequencies/manifest.json
    """
}
