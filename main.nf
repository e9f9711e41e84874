#!/usr/bin/env nextflow

include { PYBMFM                                        } from './workflows/pybmfm'
include { checkedParameters; helpWanted; parameterHelp } from './subworkflows/local/utils_params/main'

workflow {
    main:
    schema = "${projectDir}/nextflow_schema.json"
    if (helpWanted(params.help)) {
        println(parameterHelp(schema))
    }
    else {
        options = checkedParameters(params, schema, workflow.profile)
        recordParameters(options)
        digest  = sourceDigest("${projectDir}/pybmfm")
        PYBMFM(options, digest)

        // pipeline_info/versions.tsv: what ran, in which version
        versions = channel.topic('versions')
        versions
            .map { process, tool, version -> "${process.tokenize(':').last()}\t${tool}\t${version}" }
            .unique()
            .collectFile(name: 'versions.tsv', storeDir: "${options.outdir}/pipeline_info", newLine: true, sort: true)

        // ['PYBMFM:SIMULATE', 'pybmfm', '0.1.0+0f3a5c7e9b1d2468']: of an image or environment older than this checkout
        versions
            .filter { _process, tool, version -> tool == 'pybmfm' && !version.endsWith("+${digest}") }
            .first()
            .subscribe { _process, _tool, version ->
                log.warn("Tasks have pybmfm ${version}, this checkout is +${digest}: build their image or environment again, and run without -resume.")
            }

        workflow.onComplete {
            announceResults(options.outdir)
        }
    }
}

// One digest over the package's Python files, as the package itself computes it: the cache key of every task.
def sourceDigest(root) {
    def folder = file(root)
    def sources = files("${root}/**.py").collectEntries { source -> [folder.relativize(source).toString(), source] }
    def digest = java.security.MessageDigest.getInstance('SHA-256')
    sources.keySet().sort().each { name ->
        digest.update("${name}\0".getBytes('UTF-8'))
        digest.update(sources[name].bytes)
        digest.update('\0'.getBytes('UTF-8'))
    }
    return digest.digest().encodeHex().toString().take(16)
}

// The parameters as they were understood, beside the trace.
def recordParameters(options) {
    def target = file("${options.outdir}/pipeline_info/parameters.json")
    target.parent.mkdirs()
    target.text = groovy.json.JsonOutput.prettyPrint(groovy.json.JsonOutput.toJson(options)) + '\n'
}

// Where the report and the scored variants are, once all is published, and which cells are missing.
def announceResults(outdir) {
    // A run that left nothing out may have found the list of an earlier one.
    def lost = workflow.stats.ignoredCount ? file("${outdir}/summary/missing.tsv") : null
    if (lost?.exists()) {
        def cells = lost.splitCsv(header: true, sep: '\t').collect { row -> "${row.task} ${row.model} ${row.seed}" }
        log.warn("${cells.size()} of the results asked for failed and are missing in the tables: ${cells.join(', ')}. The lines above say why; -resume runs them again.")
    }
    if (workflow.success || lost?.exists()) {
        def found = files("${outdir}/report.html") + files("${outdir}/scored_variants/*.vcf.gz").sort()
        log.info("Results:\n" + found.collect { result -> "  ${result.toUriString()}" }.join('\n'))
    }
}
