//
// From token shards to pretrained models, with the tokenizers compared on the way.
//

include { COMPARE_TOKENIZERS } from '../../../modules/local/compare_tokenizers/main'
include { PRETRAIN           } from '../../../modules/local/pretrain/main'

workflow PRETRAINING {
    take:
    tokenizers      // [[encoding: 'snp'], tokenizer_snp]
    corpora         // [[encoding: 'snp'], corpus_snp]
    checkpoint_root // '/data/results/checkpoints', outlives every task
    digest          // '0f3a5c7e9b1d2468'

    main:
    // [[encoding: 'snp'], corpus_snp, tokenizer_snp]
    branches = corpora.join(tokenizers)

    // ['ref', 'snp'], [tokenizer_ref, tokenizer_snp], [corpus_ref, corpus_snp]
    compared = branches
        .toSortedList { one, other -> one[0].encoding <=> other[0].encoding }
        .filter { rows -> rows.size() > 1 }
        .multiMap { rows ->
            names: rows.collect { meta, _corpus, _tokenizer -> meta.encoding }
            tokenizers: rows.collect { _meta, _corpus, tokenizer -> tokenizer }
            corpora: rows.collect { _meta, corpus, _tokenizer -> corpus }
        }
    COMPARE_TOKENIZERS(compared.names, compared.tokenizers, compared.corpora, digest)

    // [[encoding: 'snp'], model_snp]
    PRETRAIN(branches, checkpoint_root, digest)
    comparison  = COMPARE_TOKENIZERS.out.comparison
    checkpoints = PRETRAIN.out.checkpoint

    emit:
    comparison  // comparison
    checkpoints // [[encoding: 'snp'], model_snp]
}
