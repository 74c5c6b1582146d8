/**
 * The ceiling of a worker on Redis: ioredis takes, notes what is in hand, forgets it and stores results, a hundred messages at once,
 * in kombu's keys. `node bench/raw-redis-worker.ts URL [RESULTS]`
 */
import { argv } from 'node:process'
import { Redis } from 'ioredis'
import { runRaw } from './celery-message.ts'

const most = 100

interface Envelope {
  readonly body: string
  readonly headers: { readonly task: string; readonly id: string }
  readonly properties: { readonly delivery_tag: string }
}

const [, , url = '', results] = argv
const redis = new Redis(url)
const waiting = new Redis(url)
const store = new Redis(results ?? url)
let done: string[] = []
let isStopped = false
const working = work()
process.on('message', async () => {
  isStopped = true
  for (const each of [waiting, redis, store]) each.disconnect()
  await working.catch(() => {})
  process.disconnect()
})
process.send?.('ready')

async function work(): Promise<void> {
  while (!isStopped) {
    const texts = (await settle()) ?? []
    if (texts.length > 0) await handle(texts)
    else if (done.length === 0) await handle((await waiting.brpop('celery', 0))?.slice(1) ?? [])
  }
}

/** What is done leaves, and more comes, in one write. */
async function settle(): Promise<string[] | null> {
  const tags = done
  done = []
  if (tags.length > 0) {
    void redis.hdel('unacked', ...tags)
    void redis.zrem('unacked_index', ...tags)
  }
  return redis.rpop('celery', most)
}

async function handle(texts: readonly string[]): Promise<void> {
  const now = Date.now() / 1000
  const messages = texts.map((text) => ({ text, envelope: JSON.parse(text) as Envelope }))
  void redis.hset('unacked', ...messages.flatMap(({ text, envelope }) => [tagOf(envelope), `[${text}, "", "celery"]`]))
  void redis.zadd('unacked_index', ...messages.flatMap(({ envelope }) => [now, tagOf(envelope)]))
  const stored = store.pipeline()
  for (const { envelope } of messages) {
    const { task, id } = envelope.headers
    const record = runRaw(task, id, Buffer.from(envelope.body, 'base64').toString())
    done.push(tagOf(envelope))
    if (results === undefined) continue
    stored.setex(`celery-task-meta-${id}`, 86_400, record)
    stored.publish(`celery-task-meta-${id}`, record)
  }
  if (stored.length > 0) await stored.exec()
}

function tagOf({ properties }: Envelope): string {
  return properties.delivery_tag
}
