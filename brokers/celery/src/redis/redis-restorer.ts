/** Puts messages of dead workers back into their lists: every worker does it for all, as in kombu. */
import { randomUUID } from 'node:crypto'
import type { CancelTimer, Clock } from '@lovage/core'
import { readUnacked, type UnackedEntry } from './envelope.ts'
import { type Binding, type KombuLayout, queuesFor } from './kombu-layout.ts'
import type { RedisLine } from './redis-line.ts'
import type { RedisLink } from './redis-link.ts'
import type { RedisSettings } from './redis-options.ts'

export interface RestorerPlace {
  readonly link: RedisLink
  readonly clock: Clock
  readonly settings: RedisSettings
  readonly layout: KombuLayout
  /** Whether this process has it in hand: then its worker is not dead. */
  isOurs(name: string): boolean
  stirred(lists: readonly string[]): void
}

/** As often as kombu, and for short times proportionally. */
const mostMs = 100_000
const leastMs = 100
const mostAtOnce = 100

/** Looks now, and then again and again until the answer is called. */
export function restoreForever(place: RestorerPlace): () => void {
  const { link, clock, settings } = place
  const everyMs = Math.max(leastMs, Math.min(mostMs, settings.visibilityMs / 4))
  let timer: CancelTimer | undefined
  let isEnded = false
  const look = (): void => {
    const { line } = link
    const looked = line === undefined ? Promise.resolve() : restore(line, place)
    // What fails now is done the next time, or by others.
    void looked
      .catch(() => {})
      .finally(() => {
        if (!isEnded) timer = clock.at(clock.now() + everyMs, look)
      })
  }
  look()
  return () => {
    isEnded = true
    timer?.()
  }
}

/** One round, unless another process is at it. */
export async function restore(line: RedisLine, place: RestorerPlace): Promise<void> {
  const { settings, clock } = place
  const token = randomUUID()
  const held = await line.ask(['SET', settings.unackedMutex, token, 'NX', 'PX', settings.mutexMs])
  if (held === null) return
  try {
    const latest = (clock.now() - settings.visibilityMs) / 1000
    for (let from = 0; ; ) {
      const range = ['ZREVRANGEBYSCORE', settings.unackedIndex, latest, 0, 'LIMIT', from, mostAtOnce] as const
      const names = (await line.ask(range)) as readonly string[]
      if (names.length === 0) return
      // What stays where it is must not be seen again.
      from += await restoreSome(line, place, names, latest)
    }
  } finally {
    await line.run('release', [settings.unackedMutex], [token])
  }
}

/** Answers how many stay in the index as they are. */
async function restoreSome(line: RedisLine, place: RestorerPlace, names: readonly string[], latest: number): Promise<number> {
  const { settings, layout } = place
  const foreign = names.filter((name) => !place.isOurs(name))
  if (foreign.length === 0) return names.length
  let staying = names.length - foreign.length
  const texts = (await line.ask(['HMGET', settings.unacked, ...foreign])) as readonly (string | null)[]
  const moves: (string | number)[] = []
  const stirred: string[] = []
  for (const [index, name] of foreign.entries()) {
    const text = texts[index]
    const entry = typeof text === 'string' ? readUnacked(text) : undefined
    const lists = entry === undefined ? [] : await listsOf(line, layout, entry)
    if (entry !== undefined && lists.length > 0) {
      stirred.push(...lists)
      moves.push(name, 'R', entry.redelivered, lists.length, ...lists)
    } else if (typeof text === 'string') {
      // What nobody can read, or what no queue is bound for any more, stays for people to look at.
      staying++
    } else {
      await line.ask(['ZREM', settings.unackedIndex, name])
    }
  }
  if (moves.length > 0) await line.run('move', [settings.unacked, settings.unackedIndex], [latest, ...moves])
  place.stirred(stirred)
  return staying
}

async function listsOf(line: RedisLine, layout: KombuLayout, entry: UnackedEntry): Promise<readonly string[]> {
  const { exchange, routingKey, priority } = entry
  const queues = exchange === '' ? [routingKey] : queuesFor(await bindingsOf(line, layout, exchange), routingKey)
  return queues.map((queue) => layout.list(queue, priority))
}

/** The bindings of an exchange as they are now. */
export async function bindingsOf(line: RedisLine, layout: KombuLayout, exchange: string): Promise<readonly Binding[]> {
  const members = (await line.ask(['SMEMBERS', layout.bindings(exchange)])) as readonly string[]
  return members.map((member) => layout.bindingOf(member)).filter((binding) => binding !== undefined)
}
