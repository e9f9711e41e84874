//
// From token shards to pretrained models, with the tokenizers compared on the way.
//

include { COMPARE_TOKENIZERS } from '../../../modules/local/compare_tokenizers/main'
include { PRETRAIN           } from '../../../modules/local/pretrain/main'

workflow PRETRAINING {
    take:
    tokenizers      // [[encoding: 'snp'], tokenizer_snp]
    corpora         // [[encoding: 'snp', genome: 'human', weight: 1], corpus_snp]
    checkpoint_root // '/data/results/checkpoints', outlives every task
    digest          // '0f3a5c7e9b1d2468'

    main:
    // [[encoding: 'snp'], [1, 0.5], [corpus_snp_human, corpus_snp_mouse], tokenizer_snp]
    branches = corpora
        .map { meta, corpus -> [[encoding: meta.encoding], [meta.genome, meta.weight, corpus]] }
        .groupTuple()
        .map { meta, rows ->
            def sorted = rows.sort(false) { row -> row[0] }
            [meta, sorted.collect { row -> row[1] }, sorted.collect { row -> row[2] }]
        }
        .join(tokenizers)

    // ['ref', 'snp'], [tokenizer_ref, tokenizer_snp], ['ref', 'snp'], [corpus_ref, corpus_snp]
    compared = branches
        .toSortedList { one, other -> one[0].encoding <=> other[0].encoding }
        .filter { rows -> rows }
        .multiMap { rows ->
            names: rows.collect { meta, _weights, _corpora, _tokenizer -> meta.encoding }
            tokenizers: rows.collect { _meta, _weights, _corpora, tokenizer -> tokenizer }
            corpus_names: rows.collectMany { meta, _weights, folders, _tokenizer -> folders.collect { _folder -> meta.encoding } }
            corpora: rows.collectMany { _meta, _weights, folders, _tokenizer -> folders }
        }
    COMPARE_TOKENIZERS(compared.names, compared.tokenizers, compared.corpus_names, compared.corpora, digest)

    // [[encoding: 'snp'], model_snp]
    PRETRAIN(branches, checkpoint_root, digest)
    comparison  = COMPARE_TOKENIZERS.out.comparison
    checkpoints = PRETRAIN.out.checkpoint

    emit:
    comparison  // comparison
    checkpoints // [[encoding: 'snp'], model_snp]
}
