include { shellQuoted } from '../../../subworkflows/local/utils_params/main'

process BUILD_TASK_MPRA {
    tag 'MPRA'
    label 'process_single'
    container "${task.ext.registry}/pybmfm:${workflow.manifest.version}"

    input:
    path table, stageAs: 'input/*'
    val column
    val digest

    output:
    path 'mpra', emit: tasks
    tuple val("${task.process}"), val('pybmfm'), eval("pybmfm --version | sed 's/.* //'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    """
    build-task mpra \\
        --input ${table} \\
        --column ${shellQuoted(column)} \\
        --out mpra \\
        ${args}
    """

    stub:
    """
    mkdir -p mpra/mpra_k562
    touch mpra/mpra_k562/{train,dev,test}.csv
    echo 'task,kind,train,dev,test,metric' > mpra/tasks.csv
    echo 'mpra_k562,regression,mpra_k562/train.csv,mpra_k562/dev.csv,mpra_k562/test.csv,pearson' >> mpra/tasks.csv
    """
}
