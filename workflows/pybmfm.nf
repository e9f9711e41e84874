//
// The whole data flow: reference genome and variants go in at the top, one report comes out.
// Each comment shows what flows through the channel below it.
//

include { SIMULATE    } from '../modules/local/simulate/main'
include { SUMMARIZE   } from '../modules/local/summarize/main'
include { MULTIQC     } from '../modules/local/multiqc/main'
include { CORPUS      } from '../subworkflows/local/corpus/main'
include { PRETRAINING } from '../subworkflows/local/pretraining/main'
include { BENCHMARK   } from '../subworkflows/local/benchmark/main'
include { INFERENCE   } from '../subworkflows/local/inference/main'

workflow PYBMFM {
    take:
    options // [fasta: 'genome.fa.gz', encodings: ['ref', 'snp'], seeds: [0, 1, 2], ...]
    digest  // '0f3a5c7e9b1d2468', of the package's source: what it changes runs again

    main:
    // genome    [genome.fa.gz, [genome.fa.gz.fai, genome.fa.gz.gzi]]
    // vcf       [variants.vcf.gz, [variants.vcf.gz.tbi]]
    // score_vcf score.vcf.gz
    // sheets    tasks/tasks.csv
    genome    = options.fasta ? channel.value(withIndex(options.fasta, ['.fai', '.gzi'])) : channel.empty()
    vcf       = options.vcf ? channel.value(withIndex(options.vcf, ['.tbi', '.csi'])) : channel.empty()
    score_vcf = options.score_vcf ? channel.value(file(options.score_vcf)) : channel.empty()
    sheets    = options.tasks ? channel.of(file(options.tasks)) : channel.empty()
    if (options.simulate) {
        SIMULATE(options.seed, digest)
        genome    = SIMULATE.out.genome
        vcf       = SIMULATE.out.vcf
        score_vcf = options.score_vcf ? score_vcf : SIMULATE.out.score_vcf
        sheets    = sheets.mix(SIMULATE.out.tasks.map { folder -> folder.resolve('tasks.csv') })
    }

    // [[encoding: 'ref'], tokenizer_ref], [[encoding: 'snp'], tokenizer_snp]; corpora and checkpoints alike
    tokenizers  = channel.fromList(suppliedFolders('tokenizer', options))
    corpora     = channel.fromList(suppliedFolders('corpus', options))
    checkpoints = channel.fromList(suppliedFolders('checkpoint', options))
    made        = options.simulate ? SIMULATE.out.tasks : channel.empty()

    // genome + variants -> frequencies, windows, tokenizers, corpora
    if (!options.corpus && !options.checkpoint) {
        CORPUS(genome, vcf, tokenizers, options, digest)
        tokenizers = CORPUS.out.tokenizers
        corpora    = CORPUS.out.corpora
        made       = made.mix(CORPUS.out.frequencies, CORPUS.out.windows)
    }

    // corpora -> [[encoding: 'ref'], model_ref], [[encoding: 'snp'], model_snp]
    if (!options.checkpoint) {
        PRETRAINING(tokenizers, corpora, durablePath(options.checkpoint_root ?: "${options.outdir}/checkpoints"), digest)
        checkpoints = PRETRAINING.out.checkpoints
        made        = made.mix(PRETRAINING.out.comparison)
    }

    // models x tasks x seeds -> [[model: 'snp', task: 'promoter', kind: 'binary', seed: 0], result]
    BENCHMARK(checkpoints, sheets, options, digest)

    // models + variants or sequences -> [[encoding: 'snp'], snp.scored.vcf.gz], [[encoding: 'snp'], snp.parquet]
    first_test = BENCHMARK.out.tasks.first().map { _meta, _train, _dev, test -> test }
    sequences  = options.embed_input ? channel.value(file(options.embed_input)) : first_test
    INFERENCE(checkpoints, genome, score_vcf, sequences, digest)

    // everything -> summary -> report.html
    gathered = tokenizers
        .mix(corpora, checkpoints, BENCHMARK.out.results, INFERENCE.out.scored, INFERENCE.out.embeddings)
        .map { _meta, artefact -> artefact }
        .mix(made, BENCHMARK.out.folders)
        .collect()
    SUMMARIZE(gathered, digest)
    MULTIQC(SUMMARIZE.out.summary, file("${projectDir}/assets/multiqc_config.yml", checkIfExists: true))

    report = MULTIQC.out.report
    scored = INFERENCE.out.scored

    emit:
    report // report.html
    scored // [[encoding: 'snp'], snp.scored.vcf.gz]
}

// A file and the indices that lie beside it: [genome.fa.gz, [genome.fa.gz.fai]]
def withIndex(path, suffixes) {
    def indices = suffixes.collect { suffix -> file("${path}${suffix}") }.findAll { index -> index.exists() }
    return [file(path), indices]
}

// An absolute path or address for what must outlive the work folder.
def durablePath(path) {
    return file(path).toUriString()
}

// The folders given by --tokenizer, --corpus or --checkpoint, by the encoding in their manifests.
def suppliedFolders(name, options) {
    def folders = (options[name] ?: []).collect { path -> [[encoding: encodingOf(name, path)], file(path)] }
    def found = folders.collect { meta, _folder -> meta.encoding }
    def missing = options.encodings.findAll { encoding -> !(encoding in found) }
    if (folders && (missing || found.unique(false).size() < found.size())) {
        error("--${name}: these folders hold ${found.join(', ')}, but --encodings asks for ${options.encodings.join(', ')}; give one folder for each")
    }
    return folders.findAll { meta, _folder -> meta.encoding in options.encodings }
}

def encodingOf(name, path) {
    def manifest = file(path).resolve('manifest.json')
    def content = manifest.exists() ? new groovy.json.JsonSlurper().parseText(manifest.text) : [:]
    if (!content.encoding) {
        error("--${name}: ${path} has no manifest.json that says its encoding; give a folder that this pipeline made")
    }
    return content.encoding
}
