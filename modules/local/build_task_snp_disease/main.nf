include { shellQuoted } from '../../../subworkflows/local/utils_params/main'

process BUILD_TASK_SNP_DISEASE {
    tag "${task_name}"
    label 'process_low'
    container "${task.ext.registry}/pybmfm:${workflow.manifest.version}"

    input:
    tuple path(fasta, stageAs: 'genome/*'), path(fasta_index, stageAs: 'genome/*')
    tuple path(clinvar, stageAs: 'clinvar/*'), path(gwas, stageAs: 'gwas/*'), path(ontology, stageAs: 'ontology/*'), path(rsid_vcf, stageAs: 'rsids/*')
    val task_name
    val digest

    output:
    path 'disease', emit: tasks
    tuple val("${task.process}"), val('pybmfm'), eval("pybmfm --version | sed 's/.* //'"), topic: versions

    when:
    task.ext.when == null || task.ext.when

    script:
    def args = task.ext.args ?: ''
    def given = [
        clinvar ? "--clinvar ${clinvar}" : '',
        gwas ? "--gwas ${gwas}" : '',
        [ontology].flatten().collect { map -> "--ontology ${map}" }.join(' '),
        rsid_vcf ? "--rsid-vcf ${rsid_vcf}" : ''
    ].findAll().join(' ')
    """
    build-task snp-disease \\
        --fasta ${fasta} \\
        ${given} \\
        --task ${shellQuoted(task_name)} \\
        --out disease \\
        --threads ${task.cpus} \\
        ${args}
    """

    stub:
    """
    name=${shellQuoted(task_name)}
    mkdir -p "disease/\$name"
    touch "disease/\$name"/{train,dev,test}.csv "disease/\$name"/diseases.tsv
    echo 'task,kind,train,dev,test,metric' > disease/tasks.csv
    echo "\$name,multilabel,\$name/train.csv,\$name/dev.csv,\$name/test.csv,auroc_macro" >> disease/tasks.csv
    """
}
