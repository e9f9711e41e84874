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
    """
    build-task ${builder} \\
        --${source} ${annotation} \\
        --fasta ${fasta} \\
        --out ${builder} \\
        ${args}
    """

    stub:
    def name = builder.replace('-', '_')
    """
    mkdir -p ${builder}/${name}
    touch ${builder}/${name}/{train,dev,test}.csv
    echo 'task,kind,train,dev,test,metric' > ${builder}/tasks.csv
    echo '${name},binary,${name}/train.csv,${name}/dev.csv,${name}/test.csv,mcc' >> ${builder}/tasks.csv
    """
}
