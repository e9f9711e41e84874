include { shellQuoted } from '../../../subworkflows/local/utils_params/main'

process BUILD_TASK_PROMOTER_VARIANTS {
    tag "${meta.task}"
    label 'process_low'
    container "${task.ext.registry}/pybmfm:${workflow.manifest.version}"

    input:
    tuple val(meta), path(train, stageAs: 'train/*'), path(dev, stageAs: 'dev/*'), path(test, stageAs: 'test/*'), path(alignments, stageAs: 'alignments/*')
    tuple path(fasta, stageAs: 'genome/*'), path(fasta_index, stageAs: 'genome/*')
    path frequencies, stageAs: 'variants/*'
    val digest

    output:
    path "${meta.task}_variants", emit: tasks
    tuple val("${task.process}"), val('pybmfm'), eval("pybmfm --version | sed 's/.* //'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    def aligned = alignments ? "--alignments ${alignments}" : ''
    """
    build-task promoter-variants \\
        --train ${train} \\
        --dev ${dev} \\
        --test ${test} \\
        --fasta ${fasta} \\
        --frequencies ${frequencies} \\
        --task ${shellQuoted(meta.task)} \\
        --out ${shellQuoted(meta.task)}_variants \\
        ${aligned} ${args}
    """

    stub:
    """
    folder=${shellQuoted(meta.task)}_variants
    mkdir "\$folder"
    echo 'task,kind,train,dev,test,metric' > "\$folder"/tasks.csv
    for name in none class1 class2 class3 class4; do
        task=${shellQuoted(meta.task)}.\$name
        mkdir "\$folder/\$task"
        touch "\$folder/\$task"/{train,dev,test}.csv
        echo "\$task,binary,\$task/train.csv,\$task/dev.csv,\$task/test.csv,f1" >> "\$folder"/tasks.csv
    done
    """
}
