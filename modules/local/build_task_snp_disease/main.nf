process BUILD_TASK_SNP_DISEASE {
    tag 'SNP to disease'
    label 'process_low'
    container "${task.ext.registry}/pybmfm:${workflow.manifest.version}"

    input:
    tuple path(fasta, stageAs: 'genome/*'), path(fasta_index, stageAs: 'genome/*')
    tuple path(clinvar, stageAs: 'clinvar/*'), path(gwas, stageAs: 'gwas/*'), path(ontology, stageAs: 'ontology/*'), path(rsid_vcf, stageAs: 'rsids/*')
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
        --out disease \\
        --threads ${task.cpus} \\
        ${args}
    """

    stub:
    """
    mkdir -p disease/snp_disease
    touch disease/snp_disease/{train,dev,test}.csv disease/snp_disease/diseases.tsv
    echo 'task,kind,train,dev,test,metric' > disease/tasks.csv
    echo 'snp_disease,multilabel,snp_disease/train.csv,snp_disease/dev.csv,snp_disease/test.csv,auroc_macro' >> disease/tasks.csv
    """
}
