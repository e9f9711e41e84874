//
// From genome and variants to token shards, one branch per encoding.
//

include { LIST_CONTIGS                              } from '../../../modules/local/list_contigs/main'
include { VARIANT_FREQUENCIES                       } from '../../../modules/local/variant_frequencies/main'
include { MERGE_FREQUENCIES                         } from '../../../modules/local/merge_frequencies/main'
include { ENCODE_GENOME                             } from '../../../modules/local/encode_genome/main'
include { SAMPLE_GENOME                             } from '../../../modules/local/sample_genome/main'
include { SAMPLE_GENOME as SAMPLE_TOKENIZER_WINDOWS } from '../../../modules/local/sample_genome/main'
include { TRAIN_TOKENIZER                           } from '../../../modules/local/train_tokenizer/main'
include { BUILD_CORPUS                              } from '../../../modules/local/build_corpus/main'

workflow CORPUS {
    take:
    genome     // [genome.fa.gz, [genome.fa.gz.fai, genome.fa.gz.gzi]]
    vcf        // [variants.vcf.gz, [variants.vcf.gz.tbi]]
    tokenizers // [[encoding: 'snp'], tokenizer_snp], empty unless supplied
    options    // [encodings: ['ref', 'snp'], encoded_region: 'chr1:1-10000', ...]
    digest     // '0f3a5c7e9b1d2468'

    main:
    // frequencies, scattered over contigs 'chr1', 'chr2' ... and gathered -> frequencies
    frequencies = channel.empty()
    if ('snp' in options.encodings) {
        LIST_CONTIGS(genome, vcf, digest)
        contigs = LIST_CONTIGS.out.contigs
            .splitCsv(header: true, sep: '\t')
            .map { row -> row.contig }
            .filter { contig -> !options.contigs || contig in options.contigs }
        VARIANT_FREQUENCIES(contigs, genome, vcf, digest)
        MERGE_FREQUENCIES(VARIANT_FREQUENCIES.out.frequencies.collect(), digest)
        frequencies = MERGE_FREQUENCIES.out.frequencies
    }

    // [[encoding: 'ref'], []], [[encoding: 'snp'], frequencies]
    branches = channel
        .of([[encoding: 'ref'], []])
        .filter { _meta, _none -> 'ref' in options.encodings }
        .mix(frequencies.map { folder -> [[encoding: 'snp'], folder] })

    if (options.encoded_region) {
        ENCODE_GENOME(branches, genome, options.encoded_region, digest)
    }

    // windows/windows.parquet: coordinates, the same for every encoding
    SAMPLE_GENOME(genome, digest)
    windows = SAMPLE_GENOME.out.windows

    // [[encoding: 'snp'], tokenizer_snp]
    if (!options.tokenizer) {
        SAMPLE_TOKENIZER_WINDOWS(genome, digest)
        TRAIN_TOKENIZER(branches, genome, SAMPLE_TOKENIZER_WINDOWS.out.windows, digest)
        tokenizers = TRAIN_TOKENIZER.out.tokenizer
    }

    // [[encoding: 'snp'], frequencies, tokenizer_snp] -> [[encoding: 'snp'], corpus_snp]
    BUILD_CORPUS(branches.join(tokenizers), genome, windows, digest)
    corpora = BUILD_CORPUS.out.corpus

    emit:
    frequencies // frequencies
    windows     // windows
    tokenizers  // [[encoding: 'snp'], tokenizer_snp]
    corpora     // [[encoding: 'snp'], corpus_snp]
}
