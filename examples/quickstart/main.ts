/** `npm start`: measures a folder, one task for each file, and stays up with queue, worker and HTTP server. */
import { resolve } from 'node:path'
import { createServer } from '@lovage/server'
import { type Client, connect, handleSignals, LovageError, Worker } from 'lovage'
import { follow } from './follow.ts'
import { type Options, readOptions, usage } from './options.ts'
import { renderText } from './render-report.ts'
import type { Report } from './report.ts'
import { defineRescan } from './rescan.ts'
import { type Folder, lastGeneration, type Scan, sendScan } from './scan.ts'
import { measure, report } from './tasks.ts'
import { writeReport } from './write-report.ts'

const repository = resolve(import.meta.dirname, '../..')
const out = resolve('lovage-report')

async function run(options: Options): Promise<void> {
  const client = await connect(options.broker)
  try {
    const http = await createServer({ client }).listen(options.port)
    try {
      await work(client, http.url, options)
    } finally {
      await http.close()
    }
  } finally {
    await client.close()
  }
}

/** Everything between the opening and the closing of the doors. Ends at Ctrl-C, or with `--once` when the report is there. */
async function work(client: Client, url: string, options: Options): Promise<void> {
  const rescan = defineRescan(client)
  // Events tell how far the work is, also when another worker does part of it.
  const worker = new Worker({ broker: client, tasks: [measure, report, rescan], events: true })
  const stopped = new Promise<'stopped'>((done) => worker.once('exit', () => done('stopped')))
  const endSignals = handleSignals(worker, process)
  try {
    await worker.start()
    console.log(`queue   ${options.broker}\nHTTP    ${url}\nworker  ${worker.name}`)
    const folder = await folderOf(client, options)
    const scan = await sendScan(client, folder)
    announce(scan, options)
    const made = await Promise.race([follow(client, scan, process.stdout), stopped])
    if (made === 'stopped') return
    await present(made)
    if (options.once) return
    await client.schedules.add({ name: rescan.name, every: '5m', task: rescan, input: folder })
    console.log(`\nup until Ctrl-C; the schedule ${rescan.name} looks for changes every 5 minutes`)
    console.log('in another terminal: npx lovage status, npx lovage tasks, npx lovage schedule list')
    await stopped
  } finally {
    await worker.stop()
    endSignals()
  }
}

async function folderOf(client: Client, { folder, broker, fresh, limit }: Options): Promise<Folder> {
  const generation = fresh ? Date.now().toString(36) : await lastGeneration(client, folder)
  const database = broker.startsWith('sqlite:') ? resolve(broker.slice('sqlite:'.length)) : ''
  return { folder, out, generation, database, limit }
}

function announce({ files, unreadable, cut, known }: Scan, { folder, limit }: Options): void {
  const sent = files.length - known
  const parts = [...(known > 0 ? [`${known} known from before`] : []), ...(sent > 0 ? [`${sent} sent`] : [])]
  console.log(`folder  ${folder}: ${files.length} files, one task each${parts.length === 0 ? '' : ` (${parts.join(', ')})`}\n`)
  if (cut) console.log(`there are more than ${limit} files; --limit takes more`)
  for (const path of unreadable) console.log(`cannot read the folder ${path}`)
}

/** Shows the report, and writes it again: the files of an earlier start may be gone. */
async function present(made: Report): Promise<void> {
  await writeReport(out, made)
  console.log(`\n${renderText(made)}\n\nwritten to ${resolve(out, 'report.md')} and report.json`)
}

const options = readOptions(process.argv.slice(2), { repository, cwd: process.env.INIT_CWD ?? process.cwd() })
if (options === 'help') {
  console.log(usage)
} else if ('wrong' in options) {
  console.error(`${options.wrong}\n\n${usage}`)
  process.exitCode = 2
} else {
  await run(options).catch((error: unknown) => {
    const cure = LovageError.is(error, 'PORT_TAKEN') ? ': npm start -- --port 0' : ''
    console.error(LovageError.is(error) ? `${error.message}${cure}` : error)
    process.exitCode = 1
  })
}
