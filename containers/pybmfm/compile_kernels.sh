#!/usr/bin/env bash
# Run every command that has compiled kernels once on the demo world, so that NUMBA_CACHE_DIR holds their code.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

simulate --out demo
genome=(--fasta demo/genome.fa.gz)
list-contigs "${genome[@]}" --vcf demo/variants.vcf.gz --out contigs.tsv
for contig in chr1 chr2; do
  variant-frequencies "${genome[@]}" --vcf demo/variants.vcf.gz --contig $contig --out frequencies_$contig
done
merge-frequencies --frequencies frequencies_chr1 --frequencies frequencies_chr2 --out frequencies
variants=(--frequencies frequencies)
for strand in + -; do
  for strategy in paper hardy-weinberg; do
    encode-genome "${genome[@]}" "${variants[@]}" --region chr1:1-10000 --strand $strand --strategy $strategy --out region.fa
  done
done
encode-genome "${genome[@]}" "${variants[@]}" --format codes --out codes
sample-genome "${genome[@]}" --passes 1 --out windows
for algorithm in bpe kmer single-nucleotide; do
  train-tokenizer "${genome[@]}" --windows windows "${variants[@]}" --algorithm $algorithm --vocab-size 300 --max-bases 200000 --out tokenizer_$algorithm
  build-corpus "${genome[@]}" --windows windows "${variants[@]}" --tokenizer tokenizer_$algorithm --out corpus_$algorithm
done
train-tokenizer "${genome[@]}" --windows windows --vocab-size 300 --max-bases 200000 --out tokenizer_ref
build-corpus "${genome[@]}" --windows windows --tokenizer tokenizer_ref --out corpus_ref
compare-tokenizers --tokenizer ref=tokenizer_ref --tokenizer snp=tokenizer_bpe --corpus ref=corpus_ref --corpus snp=corpus_bpe --out comparison
audit-leakage --corpus corpus_ref --tokenizer tokenizer_ref --corpus corpus_bpe --tokenizer tokenizer_bpe \
  --tasks demo/tasks/tasks.csv --out leakage
tables=(--train demo/tasks/promoter/train.csv --dev demo/tasks/promoter/dev.csv --test demo/tasks/promoter/test.csv)
baseline --model kmer-logistic "${tables[@]}" --kind binary --max-train-rows 100 --out baseline
