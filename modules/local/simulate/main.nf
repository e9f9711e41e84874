include { shellQuoted } from '../../../subworkflows/local/utils_params/main'

process SIMULATE {
    tag "seed ${seed}"
    label 'process_single'
    container "${task.ext.registry}/pybmfm:${workflow.manifest.version}"

    input:
    val seed
    val digest

    output:
    tuple path('demo/genome.fa.gz'), path('demo/genome.fa.gz.*', arity: '0..*'), emit: genome
    tuple path('demo/variants.vcf.gz'), path('demo/variants.vcf.gz.*', arity: '0..*'), emit: vcf
    path 'demo/score.vcf.gz', emit: score_vcf
    path 'demo/tasks', emit: tasks
    tuple path('demo/clinvar.vcf.gz'), path('demo/gwas.tsv'), path('demo/ontology.sssom.tsv'), emit: diseases
    path 'demo', emit: world
    tuple val("${task.process}"), val('pybmfm'), eval("pybmfm --version | sed 's/.* //'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    """
    simulate \\
        --out demo \\
        --seed ${shellQuoted(seed)} \\
        ${args}
    """

    stub:
    """
    mkdir -p demo/tasks
    for name in genome.fa variants.vcf score.vcf clinvar.vcf; do echo '' | gzip > demo/\$name.gz; done
    touch demo/gwas.tsv demo/ontology.sssom.tsv
    echo 'task,kind,train,dev,test,metric' > demo/tasks/tasks.csv
    for task in promoter tf splice mpra; do
        mkdir demo/tasks/\$task
        touch demo/tasks/\$task/{train,dev,test}.csv
        echo "\$task,binary,\$task/train.csv,\$task/dev.csv,\$task/test.csv,mcc" >> demo/tasks/tasks.csv
    done
    """
}
