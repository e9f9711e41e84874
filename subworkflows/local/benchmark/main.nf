//
// Every model fine-tuned on every task with every seed, beside the baselines.
//

include { pathNameProblem; readTasks; tasksProblem } from '../utils_params/main'

include { BUILD_TASK_GUE               } from '../../../modules/local/build_task_gue/main'
include { BUILD_TASK_MPRA              } from '../../../modules/local/build_task_mpra/main'
include { BUILD_TASK_SNP_DISEASE       } from '../../../modules/local/build_task_snp_disease/main'
include { BUILD_TASK_ANNOTATION        } from '../../../modules/local/build_task_annotation/main'
include { EXTRACT_SEQUENCES            } from '../../../modules/local/extract_sequences/main'
include { ALIGN_SEQUENCES              } from '../../../modules/local/align_sequences/main'
include { BUILD_TASK_PROMOTER_VARIANTS } from '../../../modules/local/build_task_promoter_variants/main'
include { FINETUNE                     } from '../../../modules/local/finetune/main'
include { BASELINE                     } from '../../../modules/local/baseline/main'

workflow BENCHMARK {
    take:
    checkpoints // [[encoding: 'snp'], model_snp]
    sheets      // tasks/tasks.csv, the user's and the demo's
    genome      // [genome.fa.gz, [genome.fa.gz.fai]]
    frequencies // frequencies, of the same genome
    diseases    // [clinvar.vcf.gz, gwas.tsv, [mondo_efo.sssom.tsv], []]
    durable     // '/data/results/checkpoints'
    options     // [gue: 'GUE', mpra: null, seeds: [0, 1, 2], baselines: ['kmer-logistic'], few_shot_rows: [100], ...]
    digest      // '0f3a5c7e9b1d2468'

    main:
    folders = channel.empty()
    if (options.gue) {
        BUILD_TASK_GUE(file(options.gue), options.gue_tasks ?: [], digest)
        folders = folders.mix(BUILD_TASK_GUE.out.tasks)
        sheets = sheets.mix(BUILD_TASK_GUE.out.tasks.map { folder -> folder.resolve('tasks.csv') })
    }
    if (options.mpra) {
        BUILD_TASK_MPRA(file(options.mpra), options.mpra_column, digest)
        folders = folders.mix(BUILD_TASK_MPRA.out.tasks)
        sheets = sheets.mix(BUILD_TASK_MPRA.out.tasks.map { folder -> folder.resolve('tasks.csv') })
    }

    // The demo's own name, so that no published figure stands beside a simulated task.
    BUILD_TASK_SNP_DISEASE(genome, diseases, options.simulate ? 'disease' : 'snp_disease', digest)
    folders = folders.mix(BUILD_TASK_SNP_DISEASE.out.tasks)
    sheets = sheets.mix(BUILD_TASK_SNP_DISEASE.out.tasks.map { folder -> folder.resolve('tasks.csv') })

    // ['promoter', 'tss', tss.bed], ['splice', 'gtf', genes.gtf] -> promoter, splice
    BUILD_TASK_ANNOTATION(channel.fromList(annotations(options)), genome, digest)
    folders = folders.mix(BUILD_TASK_ANNOTATION.out.tasks)
    sheets = sheets.mix(BUILD_TASK_ANNOTATION.out.tasks.map { folder -> folder.resolve('tasks.csv') })

    // --variant_tasks -> [[task: 'prom_300_all.class1', kind: 'binary', metric: 'f1'], train.csv, dev.csv, test.csv]
    given  = sheets.flatMap { sheet -> checkedTasks(sheet) }
    chosen = given.filter { row -> row[0].task in (options.variant_tasks ?: []) }
    if (options.align) {
        EXTRACT_SEQUENCES(chosen, digest)
        ALIGN_SEQUENCES(EXTRACT_SEQUENCES.out.reads, genome.map { fasta, _index -> [fasta, bwaIndex(options.fasta)] })
        chosen = chosen.join(ALIGN_SEQUENCES.out.alignments)
    }
    BUILD_TASK_PROMOTER_VARIANTS(chosen.map { row -> row.size() == 4 ? row + [[]] : row }, genome, frequencies, digest)
    folders = folders.mix(BUILD_TASK_PROMOTER_VARIANTS.out.tasks)
    encoded = BUILD_TASK_PROMOTER_VARIANTS.out.tasks.flatMap { folder -> checkedTasks(folder.resolve('tasks.csv')) }

    // [[task: 'promoter', kind: 'binary', metric: 'mcc'], train.csv, dev.csv, test.csv]
    tasks = given
        .mix(encoded)
        .toList()
        .flatMap { rows ->
            def problem = taskProblem(rows, options.task_names ?: [], options.variant_tasks ?: [])
            if (problem) {
                error(problem)
            }
            rows.findAll { row -> isChosen(row[0].task, options) }.sort { row -> row[0].task }
        }

    // [[model: 'frozen-random'], model_ref], [[model: 'scratch'], model_ref], [[model: 'ref'], model_ref], [[model: 'snp'], model_snp], [[model: 'dnabert2'], DNABERT-2-117M]
    models = checkpoints
        .filter { meta, _folder -> meta.encoding == options.encodings[0] }
        .flatMap { _meta, folder -> ['frozen-random', 'scratch'].collect { model -> [[model: model], folder] } }
        .mix(checkpoints.map { meta, folder -> [[model: meta.encoding], folder] })
        .mix(channel.fromList(foreignModels(options.foreign_models ?: [])))

    // [[model: 'snp', task: 'promoter', kind: 'binary', metric: 'mcc', seed: 0], model_snp, train.csv, dev.csv, test.csv]
    cells = models
        .combine(tasks)
        .combine(channel.fromList(options.seeds))
        .map { model, folder, task, train, dev, test, seed -> [model + task + [seed: seed], folder, train, dev, test] }

    // The same with few training rows, for curves apart from Table 2: [[..., seed: 0, rows: 100], ...]
    few_cells = cells.flatMap { row -> withFewRows(row, options) }
    // [[..., seed: 0, save: true], model_snp, train.csv, dev.csv, test.csv]
    full_cells = cells.map { row -> [row[0] + [save: keepsModel(row[0], options)]] + row[1..-1] }
    FINETUNE(full_cells.mix(few_cells), durable, digest)

    // [[model: 'cnn', task: 'promoter', kind: 'binary', metric: 'mcc', seed: 0], train.csv, dev.csv, test.csv]
    by_seed = channel
        .fromList(options.baselines ?: [])
        .combine(tasks)
        .combine(channel.fromList(options.seeds))
        .map { name, task, train, dev, test, seed -> [[model: name] + task + [seed: seed], train, dev, test] }
    baselines     = by_seed.filter { meta, _train, _dev, _test -> meta.seed == options.seeds[0] || drawsBySeed(meta.model, options) }
    few_baselines = by_seed.flatMap { row -> withFewRows(row, options) }
    motifs        = options.motifs ? file(options.motifs) : []
    BASELINE(baselines.mix(few_baselines), motifs, digest)

    // A cell that fails does not stop the others: what should be there is told apart from what is.
    made     = FINETUNE.out.result.mix(BASELINE.out.result)
    results  = made.filter { meta, _result -> !meta.rows }
    few_shot = made.filter { meta, _result -> meta.rows }
    // ['promoter,snp,0', ...]
    expected = cells
        .mix(baselines)
        .map { row -> [row[0].task, row[0].model, row[0].seed].join(',') }
        .toSortedList()

    tuned    = FINETUNE.out.model.filter { meta, _model -> meta.save }

    emit:
    folders  // gue, mpra, disease: the task tables made here
    tasks    // [[task: 'promoter', ...], train.csv, dev.csv, test.csv]
    results  // [[model: 'snp', task: 'promoter', ...], result]
    few_shot // the same with few training rows
    expected // ['promoter,snp,0', ...]: task, model and seed of every result that should be there
    tuned    // [[model: 'snp', task: 'promoter', ...], model]
}

// NAME=FOLDER of --foreign_models: [[model: 'dnabert2'], DNABERT-2-117M]
def foreignModels(pairs) {
    def misnamed = pairs.collect { pair -> pathNameProblem(pair.tokenize('=')[1]) }.find { problem -> problem }
    if (misnamed) {
        error("--foreign_models: ${misnamed}")
    }
    def models = pairs.collect { pair -> [[model: pair.tokenize('=')[0]], file(pair.tokenize('=')[1], checkIfExists: true)] }
    def names = models.collect { meta, _folder -> meta.model }
    def taken = names.findAll { name -> name in ['frozen-random', 'scratch', 'ref', 'snp'] || names.count(name) > 1 }.unique()
    if (taken) {
        error("--foreign_models: each needs a name of its own, other than frozen-random, scratch, ref and snp; look at ${taken.join(', ')}")
    }
    return models
}

// A cell of a chosen task once more for each number of training rows.
def withFewRows(row, options) {
    def chosen = !options.few_shot_tasks || row[0].task in options.few_shot_tasks
    return (chosen ? options.few_shot_rows ?: [] : []).collect { rows -> [row[0] + [rows: rows]] + row[1..-1] }
}

// Whether a model is kept for PREDICT: those of the first seed are, of --predict_tasks or all tasks.
def keepsModel(meta, options) {
    def wanted = options.predict_input && !options.predict_checkpoint && meta.seed == options.seeds[0]
    return (wanted && (!options.predict_tasks || meta.task in options.predict_tasks)) as boolean
}

// Whether a baseline differs between seeds: it starts from one, or its training rows are drawn by it.
def drawsBySeed(model, options) {
    return options.max_train_rows || model in ['kmer-forest', 'cnn', 'resnet']
}

// The builders from annotation and what each reads: ['promoter', 'tss', tss.bed]
def annotations(options) {
    def starts = options.tss ? ['tss', options.tss] : options.gtf ? ['gtf', options.gtf] : null
    def sources = ['promoter': starts, 'core-promoter': starts, 'tf': options.peaks ? ['peaks', options.peaks] : null, 'splice': options.gtf ? ['gtf', options.gtf] : null]
    return sources.findAll { _builder, source -> source }.collect { builder, source -> [builder, source[0], file(source[1])] }
}

// The index of bwa that lies beside a FASTA, or an empty list where it is not whole.
def bwaIndex(fasta) {
    def files = fasta ? ['amb', 'ann', 'bwt', 'pac', 'sa'].collect { suffix -> file("${fasta}.${suffix}") } : []
    return files.every { index -> index.exists() } ? files : []
}

// Whether a task is fine-tuned: all are, or those of --task_names and what was made of --variant_tasks.
def isChosen(name, options) {
    return !options.task_names || name in options.task_names || name.replaceFirst(/\.(none|class[1-4])$/, '') in ((options.variant_tasks ?: []) - [name])
}

// The rows of a sheet, before any of them names a task.
def checkedTasks(sheet) {
    def rows = readTasks(sheet)
    def problem = tasksProblem(rows)
    if (problem) {
        error(problem)
    }
    return rows
}

// What is wrong with the tasks of all sheets together, or null.
def taskProblem(rows, chosen, varied) {
    def known = rows.collect { row -> row[0].task }.sort()
    def rules = [
        [known.findAll { name -> known.count(name) > 1 }.unique(), 'two tasks have the same name'],
        [rows ? chosen.findAll { name -> !(name in known) } : [], "--task_names: the tasks are ${known.join(', ')}; there is no"],
        [rows ? varied.findAll { name -> !(name in known) } : [], "--variant_tasks: the tasks are ${known.join(', ')}; there is no"]
    ]
    def broken = rules.find { rule -> rule[0] }
    return broken ? "${broken[1]}: ${broken[0].join(', ')}" : null
}
