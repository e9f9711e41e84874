include { shellQuoted } from '../../../subworkflows/local/utils_params/main'

process SCORE_VARIANTS {
    tag "${meta.encoding}"
    label 'process_medium'
    label 'process_gpu'
    container "${task.ext.registry}/pybmfm:${workflow.manifest.version}"

    input:
    tuple val(meta), path(checkpoint, stageAs: 'checkpoint/*')
    tuple path(fasta, stageAs: 'genome/*'), path(fasta_index, stageAs: 'genome/*')
    path vcf, stageAs: 'variants/*'
    val digest

    output:
    tuple val(meta), path("${meta.encoding}.scored.vcf.gz"), emit: scored
    path "${meta.encoding}.scored.vcf.gz.tbi", emit: index
    tuple val("${task.process}"), val('pybmfm'), eval("pybmfm --version | sed 's/.* //'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    """
    score-variants \\
        --checkpoint ${checkpoint} \\
        --fasta ${fasta} \\
        --vcf ${vcf} \\
        --out ${shellQuoted(meta.encoding)}.scored.vcf.gz \\
        --threads ${task.cpus} \\
        ${args}
    """

    stub:
    """
    echo '' | gzip > ${shellQuoted(meta.encoding)}.scored.vcf.gz
    touch ${shellQuoted(meta.encoding)}.scored.vcf.gz.tbi
    """
}
