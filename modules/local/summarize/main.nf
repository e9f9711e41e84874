include { shellQuoted } from '../../../subworkflows/local/utils_params/main'

process SUMMARIZE {
    tag "${results.size()} results"
    label 'process_low'
    container "${task.ext.registry}/pybmfm:${workflow.manifest.version}"

    input:
    path results, stageAs: 'results/?/*', arity: '1..*'
    path few_shot, stageAs: 'few_shot/?/*', arity: '0..*'
    val expected
    path external_scores, stageAs: 'external/?/*', arity: '0..*'
    val digest

    output:
    path 'summary', emit: summary
    tuple val("${task.process}"), val('pybmfm'), eval("pybmfm --version | sed 's/.* //'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    def options = results.collect { result -> "--results ${result}" } + few_shot.collect { result -> "--few-shot ${result}" }
    def scores = external_scores.collect { table -> "--external-scores ${shellQuoted(table.simpleName)}=${table}" }
    def cells = expected.collect { row -> shellQuoted(row) }.join(' ')
    """
    printf '%s\\n' 'task,model,seed' ${cells} > expected.csv
    summarize \\
        ${(options + scores).join(' ')} \\
        --expected expected.csv \\
        --out summary \\
        --threads ${task.cpus} \\
        ${args}
    """

    stub:
    """
    mkdir -p summary/multiqc
    touch summary/table2.tsv
    """
}
