/** Sends the tasks for one folder. The same folder gives the same ids, so that sending again finds what is there. */
import { createHash } from 'node:crypto'
import type { Client, TaskHandle } from 'lovage'
import type { Report } from './report.ts'
import { measure, report, reportInput } from './tasks.ts'
import { type FoundFile, type Walk, walk } from './walk.ts'

/** What is scanned. Plain data, so that a schedule can carry it. */
export interface Folder {
  /** Absolute. */
  readonly folder: string
  /** The folder that the report is written to; absolute. */
  readonly out: string
  readonly generation: string
  /** The file that the tasks are kept in; absolute, empty when there is none. */
  readonly database: string
  readonly limit: number
}

/** What was sent for a folder. */
export interface Scan extends Walk {
  readonly report: TaskHandle<Report>
  /** Ids of the `measure` tasks, one for each file. */
  readonly measures: readonly string[]
  /** How many of them were there before. */
  readonly known: number
}

/** Walks the folder and sends one flow: a task for each file, and behind them all the report. All of it or none. */
export async function sendScan(client: Client, folder: Folder): Promise<Scan> {
  const found = await walk(folder.folder, { skip: ownFiles(folder), limit: folder.limit })
  const flow = client.flow(idOf('flow', folder))
  const input = ({ path }: FoundFile) => ({ folder: folder.folder, path })
  const nodes = found.files.map((file) => flow.add(measure, input(file), { id: idOf('file', folder, file) }))
  const measures = nodes.map(({ id }) => id)
  const { out, generation } = folder
  const paths = found.files.map(({ path }) => path)
  const joined = flow.add(
    report,
    { folder: folder.folder, out, generation, paths },
    { id: idOf('report', folder, measures, out), after: nodes, requires: 'all-resolved' },
  )
  const sent = await flow.send()
  const known = nodes.filter((node) => sent.get(node).status === 'existing').length
  return { ...found, measures, known, report: sent.get(joined) }
}

/** What the quickstart writes itself: the report, the database and what SQLite and Lovage keep beside it. */
function ownFiles({ out, database }: Folder): string[] {
  const ends = database === '' ? [] : ['', '-wal', '-shm', '-journal', '-peers']
  return [out, ...ends.map((end) => `${database}${end}`)]
}

/** An id that stands for the content: a file that changes gets a new task, one that did not keeps its result. */
function idOf(kind: string, { folder, generation }: Folder, ...content: readonly unknown[]): string {
  const text = JSON.stringify([folder, generation, ...content])
  return `quickstart-${kind}-${createHash('sha256').update(text).digest('hex').slice(0, 24)}`
}

/** The generation of the folder's newest report; empty when there is none. */
export async function lastGeneration(client: Client, folder: string): Promise<string> {
  const { tasks } = await client.find({ name: report.name, limit: 100 })
  for (const { input } of tasks) {
    const about = reportInput.safeParse(JSON.parse(input))
    if (about.data?.folder === folder) return about.data.generation
  }
  return ''
}
