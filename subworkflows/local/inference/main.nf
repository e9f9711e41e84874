//
// What the pretrained models say about variants and sequences.
//

include { SCORE_VARIANTS } from '../../../modules/local/score_variants/main'
include { EMBED          } from '../../../modules/local/embed/main'
include { PREDICT        } from '../../../modules/local/predict/main'

workflow INFERENCE {
    take:
    checkpoints // [[encoding: 'snp'], model_snp]
    genome      // [genome.fa.gz, [genome.fa.gz.fai, genome.fa.gz.gzi]]
    score_vcf   // score.vcf.gz
    sequences   // test.csv
    tuned       // [[model: 'snp', task: 'promoter', ...], model]
    to_predict  // patient.vcf.gz
    digest      // '0f3a5c7e9b1d2468'

    main:
    // [[encoding: 'snp'], snp.scored.vcf.gz]
    SCORE_VARIANTS(checkpoints, genome, score_vcf, digest)

    // [[encoding: 'snp'], snp.parquet]
    EMBED(checkpoints, sequences, digest)
    scored      = SCORE_VARIANTS.out.scored
    embeddings  = EMBED.out.embeddings

    // [[model: 'snp', task: 'promoter'], promoter.snp.tsv]
    PREDICT(
        tuned.map { meta, folder -> [meta.subMap('model', 'task'), folder] },
        genome.ifEmpty([[], []]).first(),
        to_predict,
        digest
    )
    predictions = PREDICT.out.predictions

    emit:
    scored      // [[encoding: 'snp'], snp.scored.vcf.gz]
    embeddings  // [[encoding: 'snp'], snp.parquet]
    predictions // [[model: 'snp', task: 'promoter'], promoter.snp.tsv]
}
