import { silentLogger, type WorkerEvent } from '@lovage/core'
import { describe, expect, it, vi } from 'vitest'
import { settled } from '../fixtures/manual-clock.ts'
import { ToyBroker } from '../fixtures/toy-broker.ts'
import { Workshop } from '../fixtures/workshop.ts'
import type { Module } from '../module.ts'
import { control } from './control.ts'
import { heartbeat } from './heartbeat.ts'
import { hello } from './hello.ts'
import { network } from './network.ts'

const types = (events: readonly WorkerEvent[]) => events.map(({ type }) => type)

describe('modules', () => {
  it('start before the worker consumes, stop in reverse when nothing runs, and replace one another by name', async () => {
    const calls: string[] = []
    const module = (name: string): Module => ({
      name,
      start: (worker) => void calls.push(`start ${name} ${worker.prefetch > 0}`),
      stop: () => void calls.push(`stop ${name}`),
      describe: () => ({ fact: name }),
    })
    const shop = await new Workshop({ modules: [module('heartbeat'), module('mine'), module('mine')] }).start()
    const stats = (await shop.ask('stats')) as { modules: Record<string, unknown> }
    expect(Object.keys(stats.modules)).toEqual(['control', 'network', 'dispatcher', 'hello', 'presence', 'heartbeat', 'mine'])
    expect(stats.modules.mine).toEqual({ fact: 'mine' })
    await shop.worker.stop()
    expect(calls).toEqual(['start heartbeat true', 'start mine true', 'stop mine', 'stop heartbeat'])
    expect(types(shop.broker.emitted)).not.toContain('worker-heartbeat')
  })

  it('that fail to stop are reported and do not keep the others from stopping', async () => {
    const broken: Module = {
      name: 'broken',
      start() {},
      stop() {
        throw new TypeError('stuck')
      },
    }
    const shop = await new Workshop({ modules: [broken] }).start()
    await shop.worker.stop()
    expect(shop.errors.map(({ message }) => message)).toEqual(['stuck'])
    expect(shop.broker.calls).toContain('close consumer')
  })
})

describe('presence and heartbeat', () => {
  it('tell that the worker is there, lives, and goes before its last task is done', async () => {
    const shop = new Workshop()
    await shop.start()
    const [id] = shop.broker.hand('held', {}) as [string]
    await shop.clock.advance(4000)
    expect(types(shop.broker.emitted)).toEqual(['worker-online', 'worker-heartbeat', 'worker-heartbeat', 'worker-heartbeat'])
    const [beat] = shop.broker.emitted.slice(-1)
    expect(beat).toMatchObject({ worker: 'w@h', freq: 2, active: 1, processed: 1, sw_ident: 'lovage', pid: process.pid })
    expect(beat?.loadavg).toHaveLength(3)
    const stopped = shop.worker.stop()
    await settled()
    expect(types(shop.broker.emitted).at(-1)).toBe('worker-offline')
    await shop.clock.advance(10_000)
    expect(types(shop.broker.emitted).at(-1)).toBe('worker-offline')
    await shop.finish(id)
    await stopped
  })

  it('stamp what they say with a growing clock', async () => {
    const shop = await new Workshop({ modules: [heartbeat({ every: 100 })] }).start()
    await shop.clock.advance(300)
    const stamps = shop.broker.emitted.map(({ clock }) => Number(clock))
    expect(stamps).toEqual([...stamps].sort((a, b) => a - b))
    expect(new Set(stamps).size).toBe(stamps.length)
  })

  it('say nothing when nobody listens', async () => {
    const deaf: Module = { name: 'network', start() {}, stop() {} }
    const shop = await new Workshop({ modules: [deaf] }).start()
    await shop.clock.advance(4000)
    expect(shop.broker.emitted).toEqual([])
  })
})

describe('a broker that was away', () => {
  it('is told offline, asked what was missed, and told online, one comeback after the other', async () => {
    const steps: string[] = []
    const broken: Module = {
      name: 'broken',
      start() {},
      back: () => Promise.reject(new TypeError('stuck')),
      stop() {},
    }
    const shop = new Workshop({ modules: [hello({ wait: true }), broken] })
    await shop.broker.control.serve('other@h', async () => {
      await settled()
      steps.push('hello')
      return { revoked: { gone: 12.5 }, clock: 40 }
    })
    await shop.broker.events.capture(['worker-o*'], ({ type }) => void steps.push(type))
    const starting = shop.start()
    shop.broker.listener?.back?.()
    await starting
    steps.length = 0
    shop.broker.listener?.back?.()
    shop.broker.listener?.back?.()
    await vi.waitFor(() => expect(steps).toHaveLength(6))
    const once = ['worker-offline', 'hello', 'worker-online']
    expect(steps).toEqual([...once, ...once])
    expect([...shop.worker.revoked.list()]).toEqual(['gone'])
    expect(shop.errors.map(({ message }) => message)).toEqual(['stuck', 'stuck'])
    await shop.worker.stop()
    shop.broker.listener?.back?.()
    await settled()
    expect(steps.slice(6)).toEqual(['worker-offline'])
  })
})

describe('hello', () => {
  it('learns what was revoked and what the clocks say, and drops it', async () => {
    const shop = new Workshop({ concurrency: 1, modules: [hello({ wait: true })] })
    const asked: unknown[] = []
    await shop.broker.control.serve('other@h', (method, args) => {
      asked.push([method, args])
      return { revoked: { gone: 12.5 }, clock: 40 }
    })
    await shop.start()
    expect(asked).toEqual([['hello', { from_node: 'w@h', revoked: {} }]])
    expect(shop.worker.lamport.value).toBeGreaterThan(40)
    shop.broker.hand('held', { id: 'gone' })
    await settled()
    expect(shop.broker.outcomes('gone')).toEqual([{ type: 'cancelled', message: 'revoked' }])
  })

  it('waits for the answers where nobody but workers knows what was revoked', async () => {
    const shop = new Workshop({ concurrency: 1 })
    Object.assign(shop.broker, { asksBeforeTaking: true })
    await shop.broker.control.serve('other@h', () => ({ revoked: { gone: 12.5 }, clock: 1 }))
    await shop.start()
    expect([...shop.worker.revoked.list()]).toEqual(['gone'])
  })

  it('warns of another live worker of the same name', async () => {
    const warnings: unknown[] = []
    const logger = { ...silentLogger, warn: (fields: object, text: string) => void warnings.push([fields, text]) }
    const shop = new Workshop({ logger })
    const info = { holder: 'h', host: 'h', startedAt: 0, queues: [], tasks: [] }
    const workers = async () => [
      { ...info, name: 'w@h', pid: process.pid },
      { ...info, name: 'w@h', pid: 7 },
      { ...info, name: 'x@h', pid: 8 },
    ]
    Object.assign(shop.broker, { admin: { workers } })
    await shop.start()
    await settled()
    expect(warnings).toEqual([
      [{ worker: 'w@h', pid: 7 }, expect.stringContaining('another live worker is called w@h, too (pid 7)')],
    ])
  })

  it('answers others with floats that have a fraction, and itself with null', async () => {
    const shop = await new Workshop().start()
    await shop.ask('revoke', { task_id: ['a'] })
    const answer = (await shop.ask('hello', { from_node: 'other@h', revoked: { b: 1.5 } })) as {
      revoked: Record<string, number>
      clock: number
    }
    expect(Object.keys(answer.revoked)).toEqual(['a', 'b'])
    expect(Object.values(answer.revoked).every((time) => !Number.isInteger(time))).toBe(true)
    expect(answer.clock).toBeGreaterThan(0)
    expect(await shop.ask('hello', { from_node: 'w@h' })).toBeNull()
  })
})

describe('network', () => {
  it('knows the others, and who of them is alive', async () => {
    const peers = network()
    const shop = await new Workshop({ modules: [peers] }).start()
    const tell = (worker: string, type: string, fields = {}) =>
      shop.broker.events.emit({ type, at: 0, worker, clock: 99, ...fields })
    tell('a@h', 'worker-online', { freq: 2, active: 3, sw_ident: 'py-celery', sw_ver: '5.6' })
    tell('b@h', 'worker-heartbeat', { freq: 2 })
    tell('b@h', 'worker-offline', { freq: 2 })
    const known = () => peers.peers().map(({ name, alive }) => [name, alive])
    expect(known()).toEqual([
      ['a@h', true],
      ['b@h', false],
    ])
    expect(peers.peers()[0]).toMatchObject({ active: 3, software: 'py-celery 5.6' })
    expect(shop.worker.lamport.value).toBeGreaterThan(99)
    await shop.clock.advance(4001)
    expect(known()[0]).toEqual(['a@h', false])
    await shop.worker.stop()
  })
})

describe('the dispatcher', () => {
  it('brings events of all workers to listeners of their type, of a glob, and of all', async () => {
    const shop = new Workshop()
    const heard: string[] = []
    shop.worker.on('worker.dispatch.news', ({ worker, text }) => heard.push(`news ${worker} ${String(text)}`))
    await shop.start()
    shop.worker.on('worker.dispatch.*', ({ type }) => heard.push(`all ${type}`))
    shop.worker.on('worker.dispatch.ne*', ({ type }) => heard.push(`glob ${type}`))
    await settled()
    shop.worker.dispatch('news', { text: 'hi' })
    shop.broker.events.emit({ type: 'other', at: 0, worker: 'x@h' })
    expect(heard).toEqual(['news w@h hi', 'all news', 'glob news', 'all other'])
    await shop.worker.stop()
    const before = heard.length
    shop.broker.events.emit({ type: 'news', at: 0, worker: 'x@h' })
    expect(heard).toHaveLength(before)
  })

  it('captures nothing that nobody listens to', async () => {
    const quiet: Module = { name: 'network', start() {}, stop() {} }
    const shop = await new Workshop({ modules: [quiet] }).start()
    expect(shop.broker.events.wanted()).toBe(false)
    shop.worker.on('error', () => {})
    expect(shop.broker.events.wanted()).toBe(false)
  })
})

describe('control', () => {
  it('lets listeners see commands, takes new ones, and names those it knows', async () => {
    const shop = new Workshop({ modules: [control({ commands: { mine: () => 'mine' } })] })
    const seen: string[] = []
    shop.worker.on('worker.pidbox.ping', ({ args }) => seen.push(`ping ${JSON.stringify(args)}`))
    shop.worker.on('worker.pidbox.*', ({ method }) => seen.push(method))
    shop.worker.command('sum', ({ a, b }, worker) => `${Number(a) + Number(b)} by ${worker.name}`).command('ping', () => 'own')
    await shop.start()
    expect(await shop.ask('sum', { a: 1, b: 2 })).toBe('3 by w@h')
    expect(await shop.ask('mine')).toBe('mine')
    expect(await shop.ask('ping', { x: 1 })).toBe('own')
    expect(seen.filter((method) => method !== 'hello')).toEqual(['sum', 'mine', 'ping {"x":1}', 'ping'])
    await expect(shop.ask('dance')).rejects.toThrow(/expected one of the commands .*ping.*, got: dance/)
  })
})

describe('a broker without listeners', () => {
  it('is asked before an event is built', async () => {
    const broker = new ToyBroker()
    await new Workshop({ broker, events: true, modules: [{ name: 'network', start() {}, stop() {} }] }).start()
    broker.hand('held', {})
    expect(broker.emitted).toEqual([])
  })
})
