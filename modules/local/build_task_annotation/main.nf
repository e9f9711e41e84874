include { shellQuoted } from '../../../subworkflows/local/utils_params/main'

process BUILD_TASK_ANNOTATION {
    tag "${builder}"
    label 'process_low'
    container "${task.ext.registry}/pybmfm:${workflow.manifest.version}"

    input:
    tuple val(builder), val(source), path(annotation, stageAs: 'annotation/*')
    tuple path(fasta, stageAs: 'genome/*'), path(fasta_index, stageAs: 'genome/*')
    val digest

    output:
    path "${builder}", emit: tasks
    tuple val("${task.process}"), val('pybmfm'), eval("pybmfm --version | sed 's/.* //'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    def folder = shellQuoted(builder)
    """
    build-task ${folder} \\
        --${shellQuoted(source)} ${annotation} \\
        --fasta ${fasta} \\
        --out ${folder} \\
        ${args}
    """

    stub:
    def folder = shellQuoted(builder)
    """
    name=${shellQuoted(builder.replace('-', '_'))}
    mkdir -p ${folder}/"\$name"
    touch ${folder}/"\$name"/{train,dev,test}.csv
    echo 'task,kind,train,dev,test,metric' > ${folder}/tasks.csv
    echo "\$name,binary,\$name/train.csv,\$name/dev.csv,\$name/test.csv,mcc" >> ${folder}/tasks.csv
    """
}
