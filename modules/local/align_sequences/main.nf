include { shellQuoted } from '../../../subworkflows/local/utils_params/main'

process ALIGN_SEQUENCES {
    tag "${meta.task}"
    label 'process_medium'
    container "${task.ext.registry}/align:${workflow.manifest.version}"

    input:
    tuple val(meta), path(reads)
    tuple path(fasta, stageAs: 'genome/*'), path(bwa_index, stageAs: 'genome/*')

    output:
    tuple val(meta), path("${meta.task}.bam"), emit: alignments
    tuple val("${task.process}"), val('bwa'), eval("bwa 2>&1 | sed -n 's/Version: //p'"), topic: versions
    tuple val("${task.process}"), val('samtools'), eval("samtools --version | sed -n '1s/samtools //p'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    def prefix = bwa_index ? fasta : 'index/genome'
    def index = bwa_index ? '' : "mkdir index && bwa index -p index/genome ${fasta}"
    // A fixed number of bases per batch: the same records for any number of threads.
    """
    ${index}
    bwa mem \\
        -K 100000000 \\
        -t ${task.cpus} \\
        ${args} \\
        ${prefix} \\
        ${reads} \\
        | samtools view -b -o ${shellQuoted(meta.task)}.bam
    """

    stub:
    """
    touch ${shellQuoted(meta.task)}.bam
    """
}
