//
// Parameters: described in nextflow_schema.json, checked and coerced here, used nowhere else in another form.
//

// Checks the parameters against the schema and returns them with the types that it says:
// [steps: 200, simulate: false, encodings: ['ref', 'snp'], fasta: null, ...]
// Lists every problem, one line each, and stops if there is any. Some profiles need more than others: 'test,awsbatch'.
def checkedParameters(Map given, String schemaFile, String profile) {
    def secrets = given.findAll { _name, value -> hasCredentials(value) }.keySet()
    if (secrets) {
        // Before any other problem, as their sentences show the value.
        error("--${secrets.join(', --')}: holds a key, password or signature in its address, which would end in logs, reports and parameters.json; leave it out and set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (S3), GOOGLE_APPLICATION_CREDENTIALS (Google) or AZURE_STORAGE_KEY (Azure), or fetch the file first")
    }
    def properties = schemaProperties(schemaFile)
    def checks = properties.collectEntries { name, property -> [name, checkValue(name, given[name], property)] }
    def options = checks.collectEntries { name, check -> [name, check.value] }
    def problems = unknownNames(given, properties.keySet()) + checks.values().collectMany { check -> check.problems }
    if (!problems) {
        problems = combinationProblems(options) + profileProblems(options, profile.tokenize(','))
    }
    if (problems) {
        error("These parameters need a change (--help lists them all):\n" + problems.collect { problem -> "  ${problem}" }.join('\n'))
    }
    return options
}

// The parameters by group, for --help.
def parameterHelp(String schemaFile) {
    def groups = readSchema(schemaFile).'$defs'.values()
    def width = groups.collectMany { group -> group.properties.keySet() }.collect { name -> name.size() }.max() + 4
    def sections = groups.collect { group ->
        def lines = group.properties.collect { name, property -> parameterLine(name, property, width) }
        "${group.title}: ${group.description}\n${lines.join('\n')}"
    }
    return "Usage: nextflow run . -profile test\n       nextflow run . --fasta FASTA --vcf VCF [--gue FOLDER] [--outdir FOLDER]\n       nextflow run . -params-file my.yml    (copied from one of assets/params/)\n\n${sections.join('\n\n')}\n"
}

// Whether the value of --help, which may have come as text, says yes.
def helpWanted(Object value) {
    return value != null && value.toString().toLowerCase() != 'false'
}

def parameterLine(String name, Map property, int width) {
    def choices = property['enum'] ? " One of: ${property['enum'].join(', ')}." : ''
    def standard = property.default != null ? " [${property.default}]" : ''
    def more = property.help_text ? "\n${' ' * (width + 12)}${property.help_text}" : ''
    return "  ${('--' + name).padRight(width)}${property.type.padRight(8)}  ${property.description}${choices}${standard}${more}"
}

def readSchema(String schemaFile) {
    return new groovy.json.JsonSlurper().parse(file(schemaFile))
}

def schemaProperties(String schemaFile) {
    return readSchema(schemaFile).'$defs'.values().collectEntries { group ->
        def required = group.required ?: []
        group.properties.collectEntries { name, property -> [name, property + [required: name in required]] }
    }
}

// [value: 5, problems: []], or [value: null, problems: ["--steps: 'five' is not a whole number"]]
def checkValue(String name, Object raw, Map property) {
    if (raw == null || raw.toString().trim() == '') {
        if (raw != null && property.default != null) {
            return [value: null, problems: ["--${name}: has no value; give one, or leave the parameter out"]]
        }
        return [value: null, problems: property.required ? ["--${name}: is required; give a value"] : []]
    }
    def coerced = coerce(raw, property)
    def reason = coerced.reason ?: constraintProblem(coerced.value, property)
    return [value: coerced.value, problems: reason ? ["--${name}: ${reason}"] : []]
}

// From the command line any value may come as text: 'false' is not true, and '5' is a number.
def coerce(Object raw, Map property) {
    def text = raw instanceof List ? raw.join(',') : raw.toString().trim()
    if (raw instanceof List && !property.list_of) {
        return [reason: 'is a list; give one value, or text with commas']
    }
    if (raw instanceof Map) {
        return [reason: 'has parts; give one value']
    }
    if (property.type == 'boolean') {
        return text.toLowerCase() in ['true', 'false'] ? [value: text.toLowerCase() == 'true'] : [reason: "'${text}' is neither true nor false"]
    }
    if (property.type == 'integer') {
        return text ==~ /-?[0-9]{1,18}/ ? [value: text as Long] : [reason: "'${text}' is not a whole number"]
    }
    if (property.type == 'number') {
        return text ==~ /-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?/ ? [value: text as BigDecimal] : [reason: "'${text}' is not a number"]
    }
    if (raw instanceof Boolean) {
        return [reason: 'has no value; give one after the name']
    }
    return [value: property.list_of ? coerceList(text, property) : text]
}

def coerceList(String text, Map property) {
    def items = text.tokenize(',').collect { item -> item.trim() }.findAll { item -> item }
    return property.list_of == 'integer' && text ==~ /[0-9, ]+/ ? items.collect { item -> item as Long } : items
}

def constraintProblem(Object value, Map property) {
    def text = value instanceof List ? value.join(',') : value.toString()
    if (property.format in ['file-path', 'directory-path']) {
        def wrong = (value instanceof List ? value : [value]).collect { path -> pathNameProblem(path) }.find { problem -> problem }
        if (wrong) {
            return wrong
        }
    }
    if (property['enum'] && !(value in property['enum'])) {
        return "'${text}' is none of ${property['enum'].join(', ')}" + suggestion(text, property['enum'])
    }
    if (property.minimum != null && value < property.minimum) {
        return "${text} is below ${property.minimum}"
    }
    if (property.exclusiveMinimum != null && value <= property.exclusiveMinimum) {
        return "${text} is not above ${property.exclusiveMinimum}"
    }
    if (property.maximum != null && value > property.maximum) {
        return "${text} is above ${property.maximum}"
    }
    if (property.pattern && !(text ==~ property.pattern)) {
        def spaced = text.replaceAll(/\s/, '_') ==~ property.pattern
        return "'${text}' ${spaced ? 'has a space, which it may not' : 'does not look right'}; ${property.description}"
    }
    if (value instanceof List && value.toSet().size() < value.size()) {
        return "'${text}' names something twice"
    }
    if (property.exists) {
        def paths = value instanceof List ? value : [value]
        return paths.collect { path -> pathProblem(path, property.format) }.find { problem -> problem }
    }
    return null
}

// Addresses (https, ftp, s3, gs, az ...) are fetched later and fail there; only local paths are looked at.
def pathProblem(String path, String format) {
    if (isAddress(path)) {
        return null
    }
    def place = file(path, glob: false)
    if (!place.exists()) {
        return "'${path}' does not exist; check the path"
    }
    if (format == 'file-path' && place.isDirectory()) {
        return "'${path}' is a folder; give a file"
    }
    if (format == 'directory-path' && !place.isDirectory()) {
        return "'${path}' is a file; give a folder"
    }
    return null
}

// Folders, and the object stores that the package can write checkpoints to.
def canHoldCheckpoints(Object path) {
    return !isAddress(path) || path ==~ /(s3|gs|abfss?):\/\/[^?]+/
}

// What the schema cannot say: which parameters need or exclude one another.
def combinationProblems(Map options) {
    def skipped = options.checkpoint || options.corpus
    def source = options.simulate || options.fasta || options.genomes
    def sheet = options.genomes && !isAddress(options.genomes) ? readGenomes(file(options.genomes)) : []
    def problem = genomesProblem(sheet, options)
    def tasks = options.tasks && !isAddress(options.tasks) ? tasksProblem(readTasks(file(options.tasks))) : null
    def rules = [
        [options.simulate && (options.fasta || options.vcf), '--simulate: makes its own genome; leave out --fasta and --vcf, or say --simulate false'],
        [options.genomes && (options.simulate || options.fasta || options.vcf), '--genomes: names its own files; leave out --fasta, --vcf and --simulate'],
        [options.genomes && problem, "--genomes: ${problem}"],
        [tasks, "--tasks: ${tasks}"],
        [!skipped && !source, '--fasta: is missing; give a FASTA, a sheet of --genomes, or --simulate for a demo genome'],
        [!skipped && options.fasta && 'snp' in options.encodings && !options.vcf, '--vcf: is missing; give variants, or --encodings ref to do without'],
        [options.vcf && !options.fasta, '--fasta: is missing; --vcf needs the genome it belongs to'],
        [options.score_vcf && !source, '--fasta: is missing; --score_vcf needs the genome it belongs to'],
        [(options.clinvar || options.gwas) && !source, '--fasta: is missing; --clinvar and --gwas need the genome they belong to'],
        [options.simulate && (options.clinvar || options.gwas), '--simulate: brings its own disease files; leave out --clinvar and --gwas'],
        [(options.tss || options.peaks || options.gtf || options.variant_tasks) && !source, '--fasta: is missing; --tss, --peaks, --gtf and --variant_tasks need the genome they belong to'],
        [options.variant_tasks && !options.frequencies && (skipped || !('snp' in options.encodings)), '--frequencies: is missing; --variant_tasks needs the frequency table that a run without --corpus and --checkpoint, with encoding snp, makes'],
        [options.align && !options.variant_tasks, '--variant_tasks: is missing; --align places the sequences of these tasks'],
        [(options.ontology || options.rsid_vcf) && !options.clinvar && !options.gwas, '--clinvar: is missing; --ontology and --rsid_vcf belong to --clinvar or --gwas'],
        [options.corpus && !options.tokenizer && !options.checkpoint, '--tokenizer: is missing; --corpus needs the tokenizers it was made with'],
        [!canHoldCheckpoints(options.checkpoint_root ?: options.outdir), '--checkpoint_root: must be a folder on a disk that every task reaches, or an address that begins with s3://, gs:// or abfs://'],
        [options.gue && isAddress(options.gue), '--gue: must be a local folder; unpack the benchmark first'],
        [options.min_length > options.max_length, '--min_length: is above --max_length'],
        [[options.steps, options.tokens, options.minutes].count { budget -> budget != null } > 1, '--steps: is a budget of pretraining, as --tokens and --minutes are; give one of them (-profile test and controls set --steps)'],
        [options.split == 'random' && (options.dev_contigs || options.test_contigs), '--split random: divides windows; leave out --dev_contigs and --test_contigs'],
        [(options.dev_contigs ?: []).any { contig -> contig in (options.test_contigs ?: []) }, '--dev_contigs: names a contig that --test_contigs names too'],
        [options.ref_share > 0 && !('snp' in options.encodings), '--ref_share: leaves windows of the snp encoding plain; --encodings asks for ref alone']
    ]
    return rules.findAll { rule -> rule[0] }.collect { rule -> rule[1] }
}

// What a profile needs: machines of a cloud are taken away together with their disks.
def profileProblems(Map options, List profiles) {
    def cloud = profiles.any { profile -> profile in ['awsbatch', 'google'] }
    def remote = profiles.any { profile -> profile in ['awsbatch', 'google', 'kubernetes'] }
    def early = remote ? readTooEarly(options) : []
    def rules = [
        [remote && options.registry ==~ /localhost(\/.*)?/, '--registry: is missing; name the registry that the machines there fetch the images from'],
        [early, "--${early.join(', --')}: Nextflow before 25.10 has no use for it under NXF_SYNTAX_PARSER=v2; unset that, or take a newer Nextflow"],
        ['awsbatch' in profiles && !options.queue, '--queue: is missing; name the job queue of AWS Batch'],
        ['kubernetes' in profiles && !options.kubernetes_claim, '--kubernetes_claim: is missing; name a volume claim that every pod can write to'],
        ['google' in profiles && options.gpus > 0 && !options.gpu_type, '--gpu_type: is missing; name the kind of GPU, such as nvidia-tesla-t4'],
        [cloud && !isAddress(options.checkpoint_root ?: options.outdir), '--checkpoint_root: must be an address such as s3://bucket/checkpoints, as no disk outlives a task there']
    ]
    return rules.findAll { rule -> rule[0] }.collect { rule -> rule[1] }
}

// The given parameters of clouds that configure no process: before Nextflow 25.10 the strict parser reads such settings
// before it sees the command line, and would leave them out in silence.
def readTooEarly(options) {
    def names = ['aws_region', 'aws_cli_path', 'aws_job_role', 'google_project', 'google_location', 'google_spot', 'kubernetes_claim', 'kubernetes_namespace']
    def early = System.getenv('NXF_SYNTAX_PARSER') == 'v2' && !nextflow.version.matches('>=25.10')
    return early ? names.findAll { name -> options[name] } : []
}

// The rows of a sheet of genomes: [[name: 'human', fasta: 'human.fa.gz', vcf: null, encoding: 'ref', weight: 1], ...]
// Paths are relative to the sheet; the encoding is snp where there are variants, the weight 1.
def readGenomes(sheet) {
    return readSheet(sheet).collect { row ->
        def paths = ['fasta', 'vcf'].collectEntries { name -> [name, row[name] ? resolveBeside(sheet, row[name]).toUriString() : null] }
        def weight = row.weight ? (row.weight ==~ /[0-9]+(\.[0-9]+)?|\.[0-9]+/ ? row.weight as BigDecimal : row.weight) : 1
        [name: row.name, encoding: row.encoding ?: (row.vcf ? 'snp' : 'ref'), weight: weight, columns: row.keySet()] + paths
    }
}

// A path of a sheet: an address, an absolute path, or one that is relative to the sheet.
def resolveBeside(sheet, path) {
    def problem = hasCredentials(path) ? 'an address holds a key, password or signature; leave it out and set it in the environment' : pathNameProblem(path)
    if (problem) {
        error("${sheet.toUriString()}: ${problem}")
    }
    return path.startsWith('/') || isAddress(path) ? file(path) : sheet.parent.resolve(path)
}

// The rows of a sheet of tasks, their paths resolved against the sheet's folder:
// [[task: 'promoter', kind: 'binary', metric: 'mcc'], train.csv, dev.csv, test.csv]
def readTasks(sheet) {
    return readSheet(sheet).collect { row ->
        def tables = [row.train, row.dev, row.test].collect { path -> path ? resolveBeside(sheet, path) : null }
        [[task: row.task ?: '', kind: row.kind ?: '', metric: row.metric ?: '']] + tables
    }
}

// What is wrong with a sheet of tasks, or null.
def tasksProblem(rows) {
    def kinds = ['binary', 'multiclass', 'multilabel', 'regression']
    def known = rows.collect { row -> row[0].task }.sort()
    def tables = rows.collectMany { row -> row[1..3].findAll { table -> table } }
    def rules = [
        [known.findAll { name -> !isLabel(name) }, 'a task sheet has names that cannot name a folder'],
        [rows.findAll { row -> null in row || !row[0].kind }.collect { row -> row[0].task }, 'a task sheet needs kind, train, dev and test for'],
        [rows.findAll { row -> !(row[0].kind in kinds) }.collect { row -> "${row[0].kind} of ${row[0].task}" }, "a task's kind is ${kinds.join(', ')}, not"],
        [rows.findAll { row -> !(row[0].metric ==~ /[a-z0-9_]*/) }.collect { row -> row[0].task }, 'a metric has a name such as mcc or pearson; look at'],
        [tables.findAll { table -> !table.exists() }.collect { table -> table.toUriString() }, 'tables of a task sheet do not exist']
    ]
    def broken = rules.find { rule -> rule[0] }
    return broken ? "${broken[1]}: ${broken[0].collect { text -> shown(text) }.join(', ')}" : null
}

// What is wrong with a sheet of genomes, or null.
def genomesProblem(rows, options) {
    def names = rows.collect { row -> row.name }
    def files = rows.collectMany { row -> [row.fasta, row.vcf] }.findAll { path -> path && !isAddress(path) }
    def snp = rows.findAll { row -> row.encoding == 'snp' }
    def known = ['name', 'fasta', 'vcf', 'encoding', 'weight']
    def unknown = rows.collectMany { row -> row.columns }.unique().findAll { column -> !(column in known) }
    def rules = [
        [!rows, 'the sheet has no row; give the columns name,fasta,vcf,encoding,weight'],
        [unknown, "the sheet has the column ${unknown.join(', ')}; the columns are ${known.join(', ')}"],
        [names.any { name -> !isLabel(name) }, 'a row has no name that can name a folder; use letters and digits'],
        [names.toSet().size() < names.size(), 'two rows have the same name; give each its own'],
        [rows.any { row -> !row.fasta }, 'a row has no fasta; name one'],
        [rows.any { row -> !(row.encoding in ['ref', 'snp']) }, "an encoding is neither ref nor snp; leave it empty for what fits"],
        [snp.any { row -> !row.vcf }, 'a row of encoding snp has no vcf; name one'],
        [rows.any { row -> !(row.weight instanceof Number) || row.weight <= 0 }, 'a weight is not a number above 0; 1 takes each window once in a pass'],
        ['snp' in options.encodings && !snp, 'no row has variants; name a vcf, or say --encodings ref'],
        [files.any { path -> !file(path).exists() }, "${files.find { path -> !file(path).exists() }} does not exist; paths are relative to the sheet"]
    ]
    return rules.find { rule -> rule[0] }?.getAt(1)
}

// Unknown names with the nearest known one. Nextflow may add a second spelling, maxCpus for max-cpus: it is not reported.
def unknownNames(Map given, Collection known) {
    def unknown = given.keySet().collect { name -> name.toString() }.findAll { name -> !(name in known) }
    def hyphened = unknown.findAll { name -> name.contains('-') }.collect { name -> camelCase(name) }
    return unknown
        .findAll { name -> !(name in hyphened) }
        .collect { name -> "--${name}: is not a parameter${suggestion(name, known)}" }
}

def camelCase(String name) {
    def parts = name.tokenize('-')
    return parts ? parts[0] + parts.drop(1).collect { part -> part.capitalize() }.join('') : name
}

def suggestion(String name, Collection known) {
    def plain = name.replaceAll(/([a-z0-9])([A-Z])/, '$1_$2').replace('-', '_').toLowerCase()
    def nearest = known.min { candidate -> editDistance(plain, candidate) }
    return editDistance(plain, nearest) <= Math.max(2, nearest.size().intdiv(2)) ? "; did you mean ${nearest}?" : ''
}

// Levenshtein distance: the last cell of the table of distances between all beginnings of both texts.
def editDistance(String from, String to) {
    def rows = from.toList().inject((0..to.size()).toList()) { above, letter ->
        (0..<to.size()).inject([above[0] + 1]) { row, place ->
            row + [[above[place + 1] + 1, row[place] + 1, above[place] + (to[place] == letter ? 0 : 1)].min()]
        }
    }
    return rows[-1]
}

// One word for the shell, whatever it holds: HLA-A*01:01 -> 'HLA-A*01:01', it's -> 'it'\''s'
def shellQuoted(Object value) {
    return "'" + value.toString().replace("'", "'\\''") + "'"
}

// Whether a task, model or genome can have this name, as pybmfm/core/names.py says: it names folders.
def isLabel(Object name) {
    return name instanceof CharSequence && name ==~ /[A-Za-z0-9][A-Za-z0-9._-]*/
}

// A text for a message, without what moves the cursor, and no longer than a line.
def shown(Object text) {
    def plain = text.toString().replaceAll(/\p{Cntrl}/, '?')
    return plain.size() > 100 ? plain.take(100) + '...' : plain
}

// What is wrong with the name of a file or folder, or null. Scripts hold the last part of a path; Nextflow quotes what
// lies before it, but for $ and the letters of its patterns.
def pathNameProblem(Object path) {
    def above = isAddress(path) ? /[$]|\p{Cntrl}/ : /[$*?\[\]{}]|\p{Cntrl}/
    def found = (path.toString() =~ above).findAll() + ((path.toString().tokenize('/') ?: ['']).last() =~ /['"`\\]/).findAll()
    return found ? "'${shown(path)}' has the character ${shown(found[0])} in its name, which a shell or Nextflow may read as a command or pattern; rename it" : null
}

def isAddress(Object path) {
    return path ==~ /(?s)[a-z][a-z0-9+]*:\/\/.+/ && !path.startsWith('file://')
}

// Whether an address holds a key, password or signature: abfs alone has a name before an @.
def hasCredentials(Object text) {
    return text.toString() =~ /(?i)\b(?!abfss?:)[a-z][a-z0-9+.-]*:\/\/[^\/?#\s]*@|:\/\/[^\/?#\s]*:[^\/?#\s]*@|[?&][^=&\s]*(signature|credential|token|password|secret|(access|api)_?key|\bsig)[^=&\s]*=/
}

// The rows of a sheet as maps of cells by column. Cells may stand in quotation marks, "" is one of them; a byte order
// mark, \r and blank lines are passed over.
def readSheet(sheet) {
    def lines = sheet.getText('UTF-8').replaceFirst(/^\uFEFF/, '').readLines().findAll { line -> line.trim() }
    def rows = lines.collect { line -> csvCells(line) }
    return rows.drop(1).collect { cells -> [rows[0], cells].transpose().collectEntries { column, cell -> [column, cell] } }
}

// The cells of a line: a,"b, c" -> ['a', 'b, c']
def csvCells(String line) {
    return (",${line}" =~ /\G,\s*(?:"((?:[^"]|"")*)"\s*(?=,|$)|([^,]*))/)
        .collect { _all, quoted, plain -> quoted == null ? plain.trim() : quoted.replace('""', '"').trim() }
}
