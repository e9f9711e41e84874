//
// From genomes and variants to token shards, one branch per encoding.
//

include { LIST_CONTIGS                              } from '../../../modules/local/list_contigs/main'
include { VARIANT_FREQUENCIES                       } from '../../../modules/local/variant_frequencies/main'
include { MERGE_FREQUENCIES                         } from '../../../modules/local/merge_frequencies/main'
include { ENCODE_GENOME                             } from '../../../modules/local/encode_genome/main'
include { ENCODE_SEQUENCES                          } from '../../../modules/local/encode_sequences/main'
include { SAMPLE_GENOME                             } from '../../../modules/local/sample_genome/main'
include { SAMPLE_GENOME as SAMPLE_TOKENIZER_WINDOWS } from '../../../modules/local/sample_genome/main'
include { TRAIN_TOKENIZER                           } from '../../../modules/local/train_tokenizer/main'
include { BUILD_CORPUS                              } from '../../../modules/local/build_corpus/main'

workflow CORPUS {
    take:
    genomes    // [[genome: 'human', suffix: '', encoding: 'snp', weight: 1], genome.fa.gz, [genome.fa.gz.fai], variants.vcf.gz, [variants.vcf.gz.tbi]]
    tokenizers // [[encoding: 'snp'], tokenizer_snp], empty unless supplied
    options    // [encodings: ['ref', 'snp'], encoded_region: 'chr1:1-10000', ...]
    digest     // '0f3a5c7e9b1d2468'

    main:
    // [[genome: 'human', ...], genome.fa.gz, [genome.fa.gz.fai]]
    references = genomes.map { meta, fasta, index, _vcf, _vcf_index -> [meta, fasta, index] }
    varying    = genomes.filter { meta, _fasta, _index, _vcf, _vcf_index -> meta.encoding == 'snp' && 'snp' in options.encodings }

    // frequencies, scattered over contigs and gathered -> [[genome: 'human', ...], frequencies]
    aliases = options.contig_aliases ? file(options.contig_aliases) : []
    LIST_CONTIGS(varying, aliases, digest)
    contigs = LIST_CONTIGS.out.contigs
        .splitCsv(header: true, sep: '\t')
        .map { meta, row -> [meta, row.contig] }
        .filter { _meta, contig -> !options.contigs || contig in options.contigs }
    VARIANT_FREQUENCIES(contigs.combine(varying, by: 0), aliases, digest)
    MERGE_FREQUENCIES(VARIANT_FREQUENCIES.out.frequencies.groupTuple(), digest)
    frequencies = MERGE_FREQUENCIES.out.frequencies

    // what alleles are drawn from: [[genome: 'human', ...], frequencies, []], or [..., phased.vcf.gz, [phased.vcf.gz.tbi]]
    sources = options.strategy == 'haplotypes'
        ? varying.map { meta, _fasta, _index, vcf, vcf_index -> [meta, vcf, vcf_index] }
        : frequencies.map { meta, table -> [meta, table, []] }

    // [[encoding: 'snp', genome: 'human', ...], genome.fa.gz, [genome.fa.gz.fai], frequencies, []]
    plain    = references.map { meta, fasta, index -> [meta, fasta, index, [], []] }
    branches = plain
        .filter { _row -> 'ref' in options.encodings }
        .map { row -> [row[0] + [encoding: 'ref']] + row[1..4] }
        .mix(references.join(sources))
        .mix(plain.filter { row -> row[0].encoding == 'ref' && 'snp' in options.encodings }.map { row -> [row[0] + [encoding: 'snp']] + row[1..4] })

    first = branches.filter { row -> row[0].first }
    if (options.encoded_region) {
        ENCODE_GENOME(first, options.encoded_region, digest)
    }
    if (options.encode_table) {
        ENCODE_SEQUENCES(first, file(options.encode_table), digest)
    }

    // [[genome: 'human', ...], windows]: coordinates, the same for every encoding
    SAMPLE_GENOME(references, digest)
    windows = SAMPLE_GENOME.out.windows

    // [[encoding: 'snp'], tokenizer_snp]
    if (!options.tokenizer) {
        SAMPLE_TOKENIZER_WINDOWS(references, digest)
        lines = withWindows(branches, SAMPLE_TOKENIZER_WINDOWS.out.windows)
            .map { meta, fasta, _index, cut, variants, _variants_index -> [[encoding: meta.encoding], [meta.genome, meta.weight, fasta, cut, variants]] }
            .groupTuple()
            .map { meta, rows -> [meta] + columns(rows.sort(false) { row -> row[0] }) }
        TRAIN_TOKENIZER(lines, digest)
        tokenizers = TRAIN_TOKENIZER.out.tokenizer
    }

    // [[encoding: 'snp', genome: 'human', ...], genome.fa.gz, [...], windows, frequencies, [], tokenizer_snp] -> [[...], corpus_snp]
    BUILD_CORPUS(
        withWindows(branches, windows)
            .map { row -> [[encoding: row[0].encoding]] + row }
            .combine(tokenizers, by: 0)
            .map { row -> row.drop(1) },
        digest
    )
    corpora = BUILD_CORPUS.out.corpus

    emit:
    frequencies // [[genome: 'human', ...], frequencies]
    windows     // [[genome: 'human', ...], windows]
    tokenizers  // [[encoding: 'snp'], tokenizer_snp]
    corpora     // [[encoding: 'snp', genome: 'human', suffix: '', weight: 1], corpus_snp]
}

// [[encoding: 'snp', genome: 'human', ...], genome.fa.gz, [genome.fa.gz.fai], windows, frequencies, []]
def withWindows(branches, windows) {
    return branches
        .map { row -> [row[0].genome] + row }
        .combine(windows.map { meta, cut -> [meta.genome, cut] }, by: 0)
        .map { _genome, meta, fasta, index, variants, variants_index, cut -> [meta, fasta, index, cut, variants, variants_index] }
}

// Rows of [genome, weight, fasta, windows, variants] as the lists that TRAIN_TOKENIZER takes.
def columns(rows) {
    def variants = rows.collect { row -> row[4] }
    return [rows.collect { row -> row[1] }, rows.collect { row -> row[2] }, rows.collect { row -> row[3] }, variants.collect { table -> !table }, variants.findAll { table -> table }]
}
