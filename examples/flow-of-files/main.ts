/** Reads a folder of sales as flows of tasks: one that works, one that breaks in the middle, one that waits to be mended. */
import { appendFile, cp, mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Client, chain, chord, connect, from, group, type SendOptions, step, type TaskHandle, Worker } from 'lovage'
import * as tasks from './tasks.ts'
import { announce, portrait, protocol, ranking, read, topDay, topProduct, total } from './tasks.ts'

const broker = process.env.LOVAGE_BROKER ?? 'memory:'
const folder = resolve(process.argv[2] ?? join(import.meta.dirname, 'sales'))

/** A chain in each branch, a chord over all of them, one more step behind: each step takes what the one before it gives. */
async function rank(client: Client, files: readonly string[]): Promise<void> {
  const branches = group(files.map((file) => chain(step(read, { file }), step(total))))
  const sent = await client.sendFlow(chain(chord(branches, step(ranking)), step(announce)))
  console.log(`a chord over ${files.length} of the files, ${sent.handles.length} tasks in all\n  ${await sent.result()}`)
}

/** A diamond: one file, seen from two sides that know nothing of each other, put together again. */
async function portray(client: Client, file: string, onDependencyFailure: SendOptions['onDependencyFailure']) {
  const flow = client.flow()
  const first = flow.add(read, { file })
  const sides = [
    flow.add(topProduct, from(first), { onDependencyFailure }),
    flow.add(topDay, from(first), { onDependencyFailure }),
  ] as const
  const last = flow.add(portrait, from(sides), { onDependencyFailure })
  const told = flow.add(protocol, undefined, { after: [first, ...sides, last], requires: 'all-resolved' })
  const sent = await flow.send()
  return { first: sent.get(first), last: sent.get(last), told: sent.get(told) }
}

/** What `lovage show ID` says about a task. */
async function explain(client: Client, { id }: TaskHandle): Promise<void> {
  const [task] = await client.get([id])
  const { reasons } = await client.explain(id)
  for (const run of task?.runs ?? []) console.log(`  ${task?.name} run ${run.run} ${run.outcome}: ${run.failure?.message}`)
  for (const reason of reasons) console.log(`  ${task?.name}: ${reason}`)
}

async function work(client: Client, inbox: string): Promise<void> {
  const files = (await readdir(inbox)).filter((name) => name.endsWith('.csv')).sort()
  const texts = await Promise.all(files.map((name) => readFile(join(inbox, name), 'utf8')))
  const whole = files.filter((_, index) => texts[index]?.endsWith('\n'))
  const broken = files.find((name) => !whole.includes(name))
  await rank(
    client,
    whole.map((name) => join(inbox, name)),
  )
  if (broken === undefined) return
  const file = join(inbox, broken)

  console.log(`\na diamond over ${broken}, which is cut off: a failure ends what stands behind it`)
  const strict = await portray(client, file, 'resolve')
  const lines = await strict.told.result()
  await explain(client, strict.first)
  await explain(client, strict.last)
  console.log(`  protocol: ${lines.join(', ')}`)

  console.log('\nthe same diamond, told to wait')
  const patient = await portray(client, file, 'wait')
  await patient.first.result().catch((error: Error) => console.log(`  ${error.message}`))
  await explain(client, patient.last)
  await appendFile(file, '0\n')
  await client.retry([patient.first.id])
  console.log(`  mended and retried: ${await patient.last.result()}`)
  console.log(`  protocol: ${(await patient.told.result()).join(', ')}`)
}

const inbox = await mkdtemp(join(tmpdir(), 'flow-of-files-'))
const client = await connect(broker)
const worker = new Worker({ broker: client, tasks })
try {
  await cp(folder, inbox, { recursive: true })
  await worker.start()
  await work(client, inbox)
} finally {
  await worker.stop()
  await client.close()
  await rm(inbox, { recursive: true })
}
