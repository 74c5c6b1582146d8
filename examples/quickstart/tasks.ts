/** The tasks of the quickstart: measure one file, and join what is known of all files into one report. */
import { join } from 'node:path'
import { defineTask, type TaskResult } from 'lovage'
import * as z from 'zod'
import { type FileFacts, measureFile } from './measure.ts'
import { type MissingFile, makeReport, type Report } from './report.ts'
import { writeReport } from './write-report.ts'

/** Measures one file. Reading again does no harm, so a run that was cut off is simply run again. */
export const measure = defineTask({
  name: 'quickstart.measure',
  input: z.object({ folder: z.string(), path: z.string() }),
  retry: { limit: 2, delay: '200ms' },
  timeout: '5m',
  run({ folder, path }, context): Promise<FileFacts> {
    return measureFile(join(folder, path), path, context.signal)
  },
})

/** What a report is about. Its task depends on one `measure` task for each path, in the same order. */
export const reportInput = z.object({
  folder: z.string(),
  /** The folder that the report is written to. */
  out: z.string(),
  /** Tells one start with `--fresh` from the one before. */
  generation: z.string(),
  paths: z.array(z.string()),
})

/** Joins the results of its dependencies. It runs when all are over, also those that failed. */
export const report = defineTask({
  name: 'quickstart.report',
  input: reportInput,
  async run({ folder, out, paths }, context): Promise<Report> {
    const results = await context.dependencies()
    const facts = results.flatMap(({ result }) => (result === undefined ? [] : [result as FileFacts]))
    const missing = results.flatMap((result, index) => missingFile(paths[index] ?? result.id, result))
    const made = makeReport(folder, facts, missing)
    await writeReport(out, made)
    return made
  },
})

function missingFile(path: string, { result, state, reason, failure }: TaskResult): MissingFile[] {
  if (result !== undefined) return []
  if (state === 'completed') return [{ path, why: 'its result has expired; --fresh measures again' }]
  return [{ path, why: failure?.message ?? reason ?? state }]
}
