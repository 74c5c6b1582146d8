/** Where tasks go, by the settings. */
import { describe, expect, test } from 'vitest'
import { celerySettings } from './celery-settings.ts'
import { Router } from './router.ts'

const router = (given: Parameters<typeof celerySettings>[0] = {}) => new Router(celerySettings(given))

describe('a queue', () => {
  test('is made as Celery makes it: exchange, key and queue of one name', () => {
    expect(router().queue('images')).toEqual({
      name: 'images',
      exchange: 'images',
      exchangeType: 'direct',
      routingKey: 'images',
      arguments: {},
    })
  })

  test('called default is the default queue of Celery, unless one is really called so', () => {
    const queueOf = (made: Router) => made.queue(made.nameOf('default')).name
    expect(queueOf(router())).toBe('celery')
    expect(queueOf(router({ task_default_queue: 'main' }))).toBe('main')
    expect(queueOf(router({ task_queues: ['default'] }))).toBe('default')
    const used = router()
    expect(used.queue('default').name).toBe('default')
    expect(queueOf(used)).toBe('celery')
  })

  test('has the arguments that the settings say', () => {
    const made = router({
      task_queue_max_priority: 10,
      task_queues: ['a', { name: 'b', queue_arguments: { 'x-queue-type': 'quorum' } }],
    })
    expect(made.queue('a').arguments).toEqual({ 'x-max-priority': 10 })
    expect(made.queue('b').arguments).toEqual({ 'x-max-priority': 10, 'x-queue-type': 'quorum' })
  })

  test('is of the type that Celery gives it: the default queue of one, those that are missing of another', () => {
    const quorum = { 'x-queue-type': 'quorum' }
    const typed = router({ task_default_queue_type: 'quorum', task_default_exchange_type: 'topic' })
    expect(typed.queue('celery')).toMatchObject({ exchangeType: 'topic', arguments: quorum })
    expect(typed.queue('b')).toMatchObject({ exchangeType: 'direct', arguments: {} })
    const missing = router({ task_create_missing_queue_type: 'quorum', task_create_missing_queue_exchange_type: 'topic' })
    expect(missing.queue('celery')).toMatchObject({ exchangeType: 'direct', arguments: {} })
    expect(missing.queue('b')).toMatchObject({ exchange: 'b', exchangeType: 'topic', routingKey: 'b', arguments: quorum })
  })

  test('is a missing one where others are configured, be it the default queue', () => {
    const made = router({ task_queues: ['a'], task_default_queue_type: 'quorum', task_default_exchange: 'x' })
    expect(made.queue('celery')).toMatchObject({ exchange: 'celery', arguments: {} })
    expect(made.queue('a').arguments).toEqual({})
  })

  test('is refused when it is missing and missing ones are not made', () => {
    const strict = router({ task_queues: ['a'], task_create_missing_queues: false })
    expect(strict.queue('a').name).toBe('a')
    expect(strict.queue(undefined).name).toBe('celery')
    expect(() => strict.queue('b')).toThrow(/expected a queue of `task_queues` \(a, celery\), .* got: b$/)
  })

  test('has a name of its own', () => {
    expect(() => router({ task_queues: ['a', 'a'] })).toThrow(/a name of its own, got two: a$/)
  })
})

describe('a route', () => {
  test('leads to the queue through the default exchange', () => {
    expect(router().route('t', 'images')).toMatchObject({ exchange: '', routingKey: 'images', queue: { name: 'images' } })
  })

  test('is chosen by name, then by glob, for tasks that name no queue', () => {
    const routes = router({ task_routes: { 'a.b': { queue: 'exact', priority: 3 }, 'a.*': 'globbed' } })
    expect(routes.route('a.b', undefined)).toMatchObject({ routingKey: 'exact', priority: 3 })
    expect(routes.route('a.c', undefined)).toMatchObject({ routingKey: 'globbed' })
    expect(routes.route('c', undefined)).toMatchObject({ routingKey: 'celery' })
    expect(routes.route('a.b', 'named')).toMatchObject({ routingKey: 'named' })
  })

  test('may lead to an exchange that is not direct', () => {
    const task_queues = [{ name: 'media', exchange: 'media', exchange_type: 'topic', routing_key: 'media.#' }] as const
    const routes = router({
      task_queues,
      task_routes: { v: { exchange: 'media', routing_key: 'media.video' }, w: { queue: 'media' }, x: { exchange: 'nowhere' } },
    })
    expect(routes.route('v', undefined)).toMatchObject({ exchange: 'media', routingKey: 'media.video', queue: { name: 'media' } })
    expect(routes.route('w', undefined)).toMatchObject({ exchange: 'media', routingKey: 'media.#' })
    expect(() => routes.route('x', undefined)).toThrow(/that of a queue in `task_queues`, got: nowhere$/)
  })
})
