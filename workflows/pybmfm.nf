//
// The whole data flow: reference genome and variants go in at the top, one report comes out.
// Each comment shows what flows through the channel below it.
//

include { isAddress; isLabel; readGenomes; shown } from '../subworkflows/local/utils_params/main'
include { SIMULATE      } from '../modules/local/simulate/main'
include { SUMMARIZE     } from '../modules/local/summarize/main'
include { MULTIQC       } from '../modules/local/multiqc/main'
include { AUDIT_LEAKAGE } from '../modules/local/audit_leakage/main'
include { CORPUS        } from '../subworkflows/local/corpus/main'
include { PRETRAINING   } from '../subworkflows/local/pretraining/main'
include { BENCHMARK     } from '../subworkflows/local/benchmark/main'
include { INFERENCE     } from '../subworkflows/local/inference/main'

workflow PYBMFM {
    take:
    options // [fasta: 'genome.fa.gz', encodings: ['ref', 'snp'], seeds: [0, 1, 2], ...]
    digest  // '0f3a5c7e9b1d2468', of the package's source: what it changes runs again

    main:
    // genomes   [[genome: 'genome', suffix: '', encoding: 'snp', weight: 1, first: true], genome.fa.gz, [genome.fa.gz.fai], variants.vcf.gz, []]
    // score_vcf score.vcf.gz
    // sheets    tasks/tasks.csv
    // diseases  clinvar.vcf.gz, gwas.tsv, [mondo_efo.sssom.tsv], []
    genomes   = channel.fromList(givenGenomes(options))
    score_vcf = options.score_vcf ? channel.value(file(options.score_vcf)) : channel.empty()
    sheets    = options.tasks ? channel.of(file(options.tasks)) : channel.empty()
    diseases  = channel.fromList(givenDiseases(options))
    if (options.simulate) {
        SIMULATE(options.seed, digest)
        genomes   = SIMULATE.out.genome.combine(SIMULATE.out.vcf).map { row -> [onlyGenome('snp')] + row }
        score_vcf = options.score_vcf ? score_vcf : SIMULATE.out.score_vcf
        sheets    = sheets.mix(SIMULATE.out.tasks.map { folder -> folder.resolve('tasks.csv') })
        diseases  = SIMULATE.out.diseases.map { clinvar, gwas, ontology -> [clinvar, gwas, ontology, []] }
    }

    // the first genome: [genome.fa.gz, [genome.fa.gz.fai]]
    genome = genomes.filter { row -> row[0].first }.map { _meta, fasta, index, _vcf, _vcf_index -> [fasta, index] }.first()

    // [[encoding: 'ref'], tokenizer_ref], [[encoding: 'snp'], tokenizer_snp]; corpora and checkpoints alike
    tokenizers  = channel.fromList(suppliedFolders('tokenizer', options))
    corpora     = channel.fromList(suppliedFolders('corpus', options))
    checkpoints = channel.fromList(suppliedFolders('checkpoint', options))
    made        = options.simulate ? SIMULATE.out.tasks : channel.empty()
    frequencies = options.frequencies ? channel.value(file(options.frequencies)) : channel.empty()

    // genomes + variants -> frequencies, windows, tokenizers, corpora
    if (!options.corpus && !options.checkpoint) {
        CORPUS(genomes, tokenizers, options, digest)
        tokenizers  = CORPUS.out.tokenizers
        corpora     = CORPUS.out.corpora
        frequencies = options.frequencies ? frequencies : CORPUS.out.frequencies.filter { meta, _table -> meta.first }.map { _meta, table -> table }.first()
        made        = made.mix(CORPUS.out.frequencies.mix(CORPUS.out.windows).map { _meta, artefact -> artefact })
    }

    // '/data/results/checkpoints', where training goes on after an interruption
    durable = durablePath(options.checkpoint_root ?: "${options.outdir}/checkpoints")

    // corpora -> [[encoding: 'ref'], model_ref], [[encoding: 'snp'], model_snp]
    if (!options.checkpoint) {
        PRETRAINING(tokenizers, corpora, durable, digest)
        checkpoints = PRETRAINING.out.checkpoints
        made        = made.mix(PRETRAINING.out.comparison)
    }

    // models x tasks x seeds -> [[model: 'snp', task: 'promoter', kind: 'binary', seed: 0], result]
    BENCHMARK(checkpoints, sheets, genome, frequencies, diseases, durable, options, digest)

    // corpora + tasks -> leakage: what train, dev and test share
    // [[corpus_ref, corpus_snp], [tokenizer_ref, tokenizer_snp], [[[task: 'promoter', ...], train.csv, dev.csv, test.csv], ...]]
    audit = sortedFolders(corpora)
        .combine(sortedFolders(tokenizers))
        .combine(BENCHMARK.out.tasks.toSortedList { one, other -> one[0].task <=> other[0].task }.map { rows -> [rows] })
        .filter { folders, _tokenizers, rows -> folders || rows }
    AUDIT_LEAKAGE(
        audit.map { folders, _tokenizers, _rows -> folders },
        audit.map { _corpora, folders, _rows -> folders },
        audit.map { _corpora, _tokenizers, rows -> rows.collect { row -> row[0] } },
        audit.map { _corpora, _tokenizers, rows -> rows.collect { row -> row[1] } },
        audit.map { _corpora, _tokenizers, rows -> rows.collect { row -> row[2] } },
        audit.map { _corpora, _tokenizers, rows -> rows.collect { row -> row[3] } },
        digest
    )

    // models + variants or sequences -> [[encoding: 'snp'], snp.scored.vcf.gz], [[encoding: 'snp'], snp.parquet]
    first_test = BENCHMARK.out.tasks.first().map { _meta, _train, _dev, test -> test }
    sequences  = options.embed_input ? channel.value(file(options.embed_input)) : first_test
    // fine-tuned models + sequences or variants -> [[model: 'snp', task: 'promoter'], promoter.snp.tsv]
    to_predict = options.predict_input ? channel.value(file(options.predict_input)) : channel.empty()
    tuned      = options.predict_checkpoint ? channel.fromList(finetunedModels(options.predict_checkpoint)) : BENCHMARK.out.tuned
    INFERENCE(checkpoints, genome, score_vcf, sequences, tuned, to_predict, digest)

    // everything -> summary -> report.html
    // external [cadd.tsv, eve.tsv]: scores of other tools, named for their files
    external = (options.external_scores ?: []).collect { table -> file(table) }
    gathered = tokenizers
        .mix(corpora, checkpoints, BENCHMARK.out.results, INFERENCE.out.scored, INFERENCE.out.embeddings)
        .map { _meta, artefact -> artefact }
        .mix(made, BENCHMARK.out.folders, AUDIT_LEAKAGE.out.leakage)
        .collect()
    SUMMARIZE(gathered, BENCHMARK.out.few_shot.map { _meta, result -> result }.collect().ifEmpty([]), BENCHMARK.out.expected, external, digest)
    MULTIQC(SUMMARIZE.out.summary, file("${projectDir}/assets/multiqc_config.yml", checkIfExists: true))

    report  = MULTIQC.out.report
    summary = SUMMARIZE.out.summary
    scored  = INFERENCE.out.scored

    emit:
    report  // report.html
    summary // summary
    scored  // [[encoding: 'snp'], snp.scored.vcf.gz]
}

// One list of all folders, by name: [[corpus_ref, corpus_snp]]
def sortedFolders(artefacts) {
    return artefacts.map { _meta, folder -> folder }.toSortedList { one, other -> one.name <=> other.name }.map { folders -> [folders] }
}

// The rows of --genomes, or the one of --fasta and --vcf.
def givenGenomes(options) {
    if (options.genomes) {
        def rows = readGenomes(file(options.genomes))
        return rows.collect { row ->
            [[genome: row.name, suffix: "_${row.name}", encoding: row.encoding, weight: row.weight, first: row.name == rows[0].name]] + withIndex(row.fasta, ['.fai', '.gzi']) + withVariants(row.vcf)
        }
    }
    return options.fasta ? [[onlyGenome(options.vcf ? 'snp' : 'ref')] + withIndex(options.fasta, ['.fai', '.gzi']) + withVariants(options.vcf)] : []
}

// The files that SNP to disease is built from: clinvar.vcf.gz, gwas.tsv, [mondo_efo.sssom.tsv], []
def givenDiseases(options) {
    if (!options.clinvar && !options.gwas) {
        return []
    }
    def files = ['clinvar', 'gwas', 'rsid_vcf'].collectEntries { name -> [name, options[name] ? file(options[name]) : []] }
    return [[files.clinvar, files.gwas, (options.ontology ?: []).collect { path -> file(path) }, files.rsid_vcf]]
}

// What describes a genome that has no neighbours.
def onlyGenome(encoding) {
    return [genome: 'genome', suffix: '', encoding: encoding, weight: 1, first: true]
}

def withVariants(vcf) {
    return vcf ? withIndex(vcf, ['.tbi', '.csi']) : [[], []]
}

// A file and the indices that lie beside it: [genome.fa.gz, [genome.fa.gz.fai]]
def withIndex(path, suffixes) {
    def indices = suffixes.collect { suffix -> file("${path}${suffix}") }.findAll { index -> index.exists() }
    return [file(path), indices]
}

// An absolute path or address for what must outlive the work folder; addresses are for the package, not for Nextflow.
def durablePath(path) {
    if (isAddress(path)) {
        return path
    }
    def folder = file(path)
    if (workflow.containerEngine) {
        // What a container mounts must be there, and be the user's.
        folder.mkdirs()
    }
    return folder.toUriString()
}

// The folders given by --tokenizer, --corpus or --checkpoint, by the encoding in their manifests.
def suppliedFolders(name, options) {
    def folders = (options[name] ?: []).collect { path -> [[encoding: encodingOf(name, path)] + (name == 'corpus' ? [genome: 'genome', weight: 1] : [:]), file(path)] }
    def found = folders.collect { meta, _folder -> meta.encoding }
    def missing = options.encodings.findAll { encoding -> !(encoding in found) }
    if (folders && (missing || found.unique(false).size() < found.size())) {
        error("--${name}: these folders hold ${found.join(', ')}, but --encodings asks for ${options.encodings.join(', ')}; give one folder for each")
    }
    return folders.findAll { meta, _folder -> meta.encoding in options.encodings }
}

// The models given by --predict_checkpoint: [[task: 'promoter', model: 'snp'], seed_0]
def finetunedModels(paths) {
    def models = paths.collect { path ->
        def folder = file(path)
        def head = ['head.json', 'model/head.json'].collect { name -> folder.resolve(name) }.find { one -> one.exists() }
        if (!head) {
            error("--predict_checkpoint: ${path} holds no fine-tuned model; give a folder that 'finetune --save-model' wrote")
        }
        def name = folder.name ==~ /seed_[0-9]+|model/ ? folder.parent.name : folder.name
        [[task: readObject(head).task, model: name], folder]
    }
    models.each { meta, folder ->
        def unfit = meta.keySet().find { key -> !isLabel(meta[key]) }
        if (unfit) {
            error("--predict_checkpoint: ${unfit} name '${shown(meta[unfit])}' of ${shown(folder.toUriString())} cannot name a folder; use letters, digits, '.', '_' and '-'")
        }
    }
    def names = models.collect { meta, _folder -> "${meta.task}.${meta.model}" }
    if (names.unique(false).size() < names.size()) {
        error("--predict_checkpoint: two folders are models named ${names.findAll { name -> names.count(name) > 1 }.unique().join(', ')}; name their folders apart")
    }
    return models
}

def encodingOf(name, path) {
    def manifest = file(path).resolve('manifest.json')
    def content = manifest.exists() ? readObject(manifest) : [:]
    if (!content.encoding) {
        error("--${name}: ${path} has no manifest.json that says its encoding; give a folder that this pipeline made")
    }
    // A mixture of both encodings stands in the place of snp.
    return content.encoding == 'mixed' ? 'snp' : shown(content.encoding)
}

// What a JSON file holds, which must be an object.
def readObject(path) {
    def content = null
    try {
        content = new groovy.json.JsonSlurper().parseText(path.text)
    }
    catch (groovy.json.JsonException broken) {
        log.debug("${path}: ${broken.message}")
    }
    if (!(content instanceof Map)) {
        error("${shown(path.toUriString())}: is no JSON object; make its folder again")
    }
    return content
}
