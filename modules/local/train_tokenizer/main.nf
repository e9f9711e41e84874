include { shellQuoted } from '../../../subworkflows/local/utils_params/main'

process TRAIN_TOKENIZER {
    tag "${meta.encoding}"
    label 'process_medium'
    container "${task.ext.registry}/pybmfm:${workflow.manifest.version}"

    input:
    tuple val(meta), val(weights), path(fasta, stageAs: 'genomes/?/*', arity: '1..*'), path(windows, stageAs: 'windows/?/*', arity: '1..*'), val(plain), path(variants, stageAs: 'variants/?/*', arity: '0..*')
    val digest

    output:
    tuple val(meta), path("tokenizer_${meta.encoding}"), emit: tokenizer
    tuple val("${task.process}"), val('pybmfm'), eval("pybmfm --version | sed 's/.* //'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    // Plain genomes have no variants: the others take theirs in order.
    def tables = variants.iterator()
    def genomes = [weights, fasta, windows, plain].transpose().collect { weight, genome, cut, is_plain ->
        def table = is_plain ? null : tables.next()
        def kind = table =~ /\.b?gz$|\.vcf$|\.bcf$/ ? 'haplotypes' : 'frequencies'
        "--genome fasta=${genome},windows=${cut}${table ? ",${kind}=${table}" : ''}${weight ? ",weight=${shellQuoted(weight)}" : ''}"
    }
    """
    train-tokenizer \\
        ${genomes.join(' ')} \\
        --out tokenizer_${shellQuoted(meta.encoding)} \\
        --threads ${task.cpus} \\
        ${args}
    """

    stub:
    """
    mkdir tokenizer_${shellQuoted(meta.encoding)}
    printf '{"artefact": "tokenizer", "encoding": "%s"}\\n' ${shellQuoted(meta.encoding)} > tokenizer_${shellQuoted(meta.encoding)}/manifest.json
    """
}
