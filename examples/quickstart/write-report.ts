/** Writes a report as JSON and as Markdown. */
import { mkdir, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { renderMarkdown } from './render-report.ts'
import type { Report } from './report.ts'

/** Writes `report.json` and `report.md` into the folder. Each is whole at any time, even if the process dies here. */
export async function writeReport(folder: string, report: Report): Promise<void> {
  await mkdir(folder, { recursive: true })
  await replace(join(folder, 'report.json'), `${JSON.stringify(report, null, 2)}\n`)
  await replace(join(folder, 'report.md'), renderMarkdown(report))
}

async function replace(file: string, text: string): Promise<void> {
  const unfinished = `${file}.${process.pid}.part`
  await writeFile(unfinished, text)
  await rename(unfinished, file)
}
