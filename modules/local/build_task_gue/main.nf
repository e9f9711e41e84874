include { shellQuoted } from '../../../subworkflows/local/utils_params/main'

process BUILD_TASK_GUE {
    tag 'GUE'
    label 'process_single'
    container "${task.ext.registry}/pybmfm:${workflow.manifest.version}"

    input:
    path folder, stageAs: 'input/*'
    val names
    val digest

    output:
    path 'gue', emit: tasks
    tuple val("${task.process}"), val('pybmfm'), eval("pybmfm --version | sed 's/.* //'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    def selected = names.collect { name -> "--task ${shellQuoted(name)}" }.join(' ')
    """
    build-task gue \\
        --input ${folder} \\
        --out gue \\
        ${selected} ${args}
    """

    stub:
    """
    mkdir -p gue/prom_300_tata
    touch gue/prom_300_tata/{train,dev,test}.csv
    echo 'task,kind,train,dev,test,metric' > gue/tasks.csv
    echo 'prom_300_tata,binary,prom_300_tata/train.csv,prom_300_tata/dev.csv,prom_300_tata/test.csv,mcc' >> gue/tasks.csv
    """
}
