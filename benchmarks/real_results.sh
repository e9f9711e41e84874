#!/usr/bin/env bash
# Tables 2 and 3 on real public data, with intervals, baselines and a leakage audit; resumable.
#
#   benchmarks/real_results.sh DATA OUT [parameters of the pipeline, such as --preset small]
#
# DATA  the folder with mini/ and bench/ (pieces of GRCh37, GUE, lenti-MPRA)
# OUT   OUT/tasks, OUT/results (report.html, summary/) and OUT/results.md, which is docs/results.md
#
# Sized for four hours on two quiet cores: all training and test rows, GUE on both strands, tiny models of 256 tokens
# pretrained on all 15 Mb of pieces, three seeds; every model and task has the same number of steps, or ten epochs if that is less.
# Run it again with the same OUT to go on where it stopped: finished tasks are not run again.
# ROWS=200 TEST_ROWS=200 SEEDS=0 STEPS=50 TUNE_STEPS=50 tries it out in a fraction of that.
set -euo pipefail

data=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
shift 2
project=$(realpath "$(dirname "$0")/..")
rows=${ROWS:-all} seeds=${SEEDS:-0,1,2} steps=${STEPS:-5500} tune_steps=${TUNE_STEPS:-4500} tests=${TEST_ROWS:-all}
most_rows=$([ "$rows" = all ] || echo "--max_train_rows $rows") most_tests=$([ "$tests" = all ] || echo "--test-rows $tests")
# Models learn from all pieces; windows with variants are cut where chr20 has its own coordinates.
pieces=$data/bench/GRCh37/reference.pieces.fa.gz pieces_vcf=$data/bench/GRCh37/variants.dbsnp_style.vcf.gz
chr20=$data/mini/GRCh37/reference.fa.gz chr20_vcf=$data/mini/GRCh37/variants.dbsnp_style.vcf.gz
began=$(date +%s)
cd "$out"

if [ ! -f tasks/tasks.csv ]; then
    rm -rf building && mkdir building
    pybmfm build-task gue --input "$data/bench/GUE" --both-strands all --out building/bench
    pybmfm build-task mpra --input "$data"/bench/lenti_mpra/*.tsv.gz --column K562 --out building/mpra
    pybmfm variant-frequencies --fasta "$chr20" --vcf "$chr20_vcf" --out building/frequencies
    python "$project/benchmarks/real_windows.py" --fasta "$chr20" --contig chr20 --rows 1500 --out building/chr20_windows
    pybmfm build-task promoter-variants --task chr20_windows --fasta "$chr20" --frequencies building/frequencies \
        --train building/chr20_windows/train.csv --dev building/chr20_windows/dev.csv \
        --test building/chr20_windows/test.csv --out building/variants
    python "$project/benchmarks/join_tasks.py" $most_tests --out building/tasks \
        building/bench building/mpra building/variants
    mv building/tasks tasks
fi

status=0
nextflow run "$project" -resume -ansi-log false --outdir results \
    --fasta "$pieces" --vcf "$pieces_vcf" --tasks tasks/tasks.csv --passes 2 --vocab_size 256 \
    --preset tiny --steps "$steps" --max_validation_tokens 100000 \
    --epochs 10 --finetune_options "--max-steps $tune_steps --validate-every 450" --finetune_learning_rate 0.001 \
    --baseline_epochs 3 --seeds "$seeds" --max_cpus 1 $most_rows "$@" || status=$?

printf '%s\t%s\n' "$(date -u +%F)" $(($(date +%s) - began)) >> wall_seconds.tsv
# A failed cell ends the run with an error and is missing in the tables; they are written all the same.
[ ! -f results/summary/table2.tsv ] || python "$project/benchmarks/render_results.py" \
    --summary results/summary --parameters results/pipeline_info/parameters.json --wall wall_seconds.tsv \
    --command "ROWS=$rows SEEDS=$seeds STEPS=$steps TUNE_STEPS=$tune_steps TEST_ROWS=$tests benchmarks/real_results.sh DATA OUT${*:+ $*}" --out results.md
exit $status
