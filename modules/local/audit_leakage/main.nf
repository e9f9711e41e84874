include { shellQuoted } from '../../../subworkflows/local/utils_params/main'

process AUDIT_LEAKAGE {
    tag "${corpora.size()} corpora, ${tasks.size()} tasks"
    label 'process_medium'
    container "${task.ext.registry}/pybmfm:${workflow.manifest.version}"

    input:
    path corpora, stageAs: 'corpora/?/*', arity: '0..*'
    path tokenizers, stageAs: 'tokenizers/?/*', arity: '0..*'
    val tasks
    path trains, stageAs: 'train/?/*', arity: '0..*'
    path devs, stageAs: 'dev/?/*', arity: '0..*'
    path tests, stageAs: 'test/?/*', arity: '0..*'
    val digest

    output:
    path 'leakage', emit: leakage
    tuple val("${task.process}"), val('pybmfm'), eval("pybmfm --version | sed 's/.* //'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    def read = corpora.collect { corpus -> "--corpus ${corpus}" } + tokenizers.collect { tokenizer -> "--tokenizer ${tokenizer}" }
    // Nextflow writes paths with backslashes where the shell needs them, so none may stand between the shell's quotes;
    // those of the sheet are for names with commas.
    def rows = [tasks, trains, devs, tests].transpose().collect { meta, train, dev, test ->
        "${shellQuoted(meta.task)},${shellQuoted(meta.kind)},\\\"${train}\\\",\\\"${dev}\\\",\\\"${test}\\\""
    }
    def sheet = rows ? '--tasks tasks.csv' : ''
    """
    printf '%s\\n' 'task,kind,train,dev,test' ${rows.join(' ')} > tasks.csv
    audit-leakage \\
        ${read.join(' ')} \\
        --out leakage \\
        --threads ${task.cpus} \\
        ${sheet} ${args}
    """

    stub:
    """
    mkdir leakage
    echo '{"artefact": "leakage-audit"}' > leakage/manifest.json
    """
}
