/** Names, levels, bindings and orders as kombu has them. */
import { expect, test } from 'vitest'
import { kombuLayout, queuesFor, topicPattern } from './kombu-layout.ts'
import { QueueOrder } from './queue-order.ts'
import { type RedisTransportOptions, redisSettings } from './redis-options.ts'
import { resultKeys } from './result-keys.ts'

const layoutWith = (options?: RedisTransportOptions) => kombuLayout(redisSettings('redis://h/9', options))
const layout = layoutWith()

test('a priority goes to the greatest step that is not above it', () => {
  const at = (priority: number | undefined) => layout.list('q', priority)
  expect([undefined, 0, 2, 3, 5, 6, 8, 9, 12, -4, Number.NaN].map(at)).toEqual(
    ['', '', '', '3', '3', '6', '6', '9', '9', '', ''].map((level) => (level === '' ? 'q' : `q\x06\x16${level}`)),
  )
  expect(layout.lists('q')).toEqual(['q', 'q\x06\x163', 'q\x06\x166', 'q\x06\x169'])
})

test('bindings are members of the set of their exchange', () => {
  const binding = { routingKey: 'worker.#', pattern: '', queue: 'celeryev.1' }
  expect(layout.member(binding)).toBe('worker.#\x06\x16\x06\x16celeryev.1')
  expect(layout.bindingOf(layout.member(binding))).toEqual(binding)
  expect(layout.bindingOf('nonsense')).toBeUndefined()
  expect(layout.bindings('celery')).toBe('_kombu.binding.celery')
})

test('channels have the database, the exchange and, behind a slash, the routing key', () => {
  expect(layout.channel('celery.pidbox', '')).toBe('/9.celery.pidbox')
  expect(layout.channel('celeryev', 'task.multi')).toBe('/9.celeryev/task.multi')
  expect(layout.channelPattern('celeryev', 'worker.#')).toBe('/9.celeryev/worker.*')
  expect(layoutWith({ fanout_prefix: false, global_keyprefix: 'p:' }).channel('e', 'k')).toBe('p:e/k')
  expect(layoutWith({ fanout_patterns: false }).channel('e', 'k')).toBe('/9.e')
})

// What kombu 5.2.4 and 5.6.2 write for these keys.
const patterns: Readonly<Record<string, string>> = {
  'web.error': '^web\\.error$',
  '*.error': '^.*?[^\\.]\\.error$',
  'a.#': '^a\\..*?$',
  'snake_case-é.1': '^snake\\_case\\-é\\.1$',
  '#': '^.*?$',
}

test('topic patterns are those that kombu keeps', () => {
  for (const [key, pattern] of Object.entries(patterns)) expect(topicPattern(key)).toBe(pattern)
})

test('a message goes once to each queue whose binding matches', () => {
  const direct = (routingKey: string, queue: string) => ({ routingKey, pattern: '', queue })
  const topic = (routingKey: string, queue: string) => ({ routingKey, pattern: topicPattern(routingKey), queue })
  expect(queuesFor([direct('a', 'q'), direct('b', 'r'), direct('a', 's')], 'a')).toEqual(['q', 's'])
  const logs = [topic('*.error', 'errors'), topic('web.#', 'web'), topic('#', 'all'), topic('web.*', 'web')]
  expect(queuesFor(logs, 'web.error')).toEqual(['errors', 'web', 'all'])
  expect(queuesFor(logs, 'db')).toEqual(['all'])
})

test('each queue is first in its turn, unless the order is fixed', () => {
  const first = (strategy: 'round_robin' | 'sorted' | 'priority'): readonly string[] => {
    const order = new QueueOrder(strategy, layout)
    for (const name of ['b', 'a', 'c']) order.add(name)
    return [0, 1, 2, 3].map(() => order.next().lists[0] as string)
  }
  expect(first('round_robin')).toEqual(['b', 'a', 'c', 'b'])
  expect(first('sorted')).toEqual(['a', 'a', 'a', 'a'])
  expect(first('priority')).toEqual(['b', 'b', 'b', 'b'])
})

test('a prefix of results gets an underscore where Celery puts one', () => {
  expect(resultKeys('').task('1')).toBe('celery-task-meta-1')
  expect(resultKeys('shop').task('1')).toBe('shop_celery-task-meta-1')
  expect(resultKeys('shop:').chord('g')).toEqual(['.j', '.s', '.t'].map((end) => `shop:celery-taskset-meta-g${end}`))
  expect(resultKeys('shop').idOf('shop_celery-task-meta-1')).toBe('1')
})
