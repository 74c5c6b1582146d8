/** Workers of pools, as Taskcluster's own client calls the manager: made, registered, told to end, and what becomes of their tasks. */
import { createHash } from 'node:crypto'
import type { PoolWorker } from '@lovage/core'
import { client as hawk } from 'hawk'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { fromNow, fromNowJSON, type StockCredentials } from '../fixtures/stock-client.ts'
import { createServer } from '../index.ts'
import { definition, launched, poolId, root, Shed, type StockManager, staticSecret } from './fixtures/shed.ts'

describe.each(['memory', 'sqlite'] as const)('on %s', (kind) => {
  let shed: Shed
  let manager: StockManager

  beforeEach(async () => {
    shed = await Shed.open(kind)
    manager = shed.manager
  })
  afterEach(() => shed.close())

  describe('workers', () => {
    beforeEach(() => manager.createWorkerPool(poolId, definition))

    test('of a static pool are made, shown, changed and removed', async () => {
      const made = await shed.createWorker('w1', { capacity: 3 })
      expect(made).toMatchObject({ workerPoolId: poolId, workerGroup: 'here', workerId: 'w1', providerId: 'static', capacity: 3 })
      expect(made).toMatchObject({ state: 'running', expires: expect.stringMatching(/^20.*Z$/) })
      expect(JSON.stringify(made)).not.toMatch(/secret|hash/i)
      expect(await shed.createWorker('w1', { capacity: 3, expires: made.expires })).toEqual(made)
      const answer = shed.createWorker('w1', { capacity: 4 })
      await expect(answer).rejects.toMatchObject({ statusCode: 409, body: { requestInfo: { payload: '(omitted)' } } })
      expect(await manager.worker(poolId, 'here', 'w1')).toEqual(made)
      const changes = { expires: fromNowJSON('2 days'), capacity: 1 }
      expect(await manager.updateWorker(poolId, 'here', 'w1', changes)).toMatchObject({ ...changes, created: made.created })
      expect(await manager.removeWorker(poolId, 'here', 'w1')).toEqual({})
      expect(await manager.worker(poolId, 'here', 'w1')).toMatchObject({ state: 'stopped' })
      expect(await manager.removeWorker(poolId, 'here', 'w1')).toEqual({})
    })

    test('are listed by pool, group and state', async () => {
      for (const workerId of ['w1', 'w2', 'w3']) await shed.createWorker(workerId)
      await manager.removeWorker(poolId, 'here', 'w2')
      const ids = ({ workers }: { workers: readonly PoolWorker[] }) => workers.map(({ workerId }) => workerId)
      expect(ids(await manager.listWorkersForWorkerPool(poolId))).toEqual(['w1', 'w2', 'w3'])
      expect(ids(await manager.listWorkersForWorkerPool(poolId, { state: 'running' }))).toEqual(['w1', 'w3'])
      expect(ids(await manager.listWorkersForWorkerGroup(poolId, 'here', { limit: 2 }))).toEqual(['w1', 'w2'])
      expect(ids(await manager.listWorkersForWorkerGroup(poolId, 'there'))).toEqual([])
      await expect(manager.listWorkersForWorkerPool('images/none')).rejects.toMatchObject({ statusCode: 404 })
    })

    test('are found under a pool whose slash is written as it is', async () => {
      await shed.createWorker()
      const get = async (path: string) => {
        const headers = { authorization: `Bearer ${root.accessToken}` }
        const response = await fetch(`${shed.server.url}/api/worker-manager/v1/${path}`, { headers })
        return (await response.json()) as object
      }
      expect(await get('worker-pool/images/small')).toMatchObject({ workerPoolId: poolId, runningCount: 1 })
      expect(await get('worker-pool/images/small/stats')).toMatchObject({ launchConfigStats: [] })
      expect(await get('worker-pool-errors/images/small')).toMatchObject({ workerPoolErrors: [] })
      expect(await get('workers/images/small')).toMatchObject({ workers: [{ workerId: 'w1' }] })
      expect(await get('workers/images/small/here/w1')).toMatchObject({ workerId: 'w1' })
      expect(await get('workers/images/small/here/w1/should-terminate')).toMatchObject({ terminate: false })
    })

    test('that have expired are forgotten', async () => {
      await shed.createWorker()
      await manager.updateWorker(poolId, 'here', 'w1', { expires: '2020-01-01T00:00:00.000Z' })
      await expect(manager.worker(poolId, 'here', 'w1')).rejects.toMatchObject({ statusCode: 404 })
      expect(await manager.listWorkersForWorkerPool(poolId)).toEqual({ workers: [] })
    })

    test('that were launched are only told to stop', async () => {
      await manager.updateWorkerPool(poolId, launched)
      await shed.launch('l1', { state: 'running' })
      await expect(shed.createWorker()).rejects.toMatchObject({ statusCode: 400, code: 'InputError' })
      expect(await manager.worker(poolId, 'here', 'l1')).toMatchObject({ expires: '9999-12-31T23:59:59.999Z' })
      await manager.removeWorker(poolId, 'here', 'l1')
      expect(await manager.worker(poolId, 'here', 'l1')).toMatchObject({ state: 'stopping' })
    })

    test('are not made for a pool that goes', async () => {
      await shed.createWorker()
      await manager.deleteWorkerPool(poolId)
      await expect(shed.createWorker('w2')).rejects.toMatchObject({ statusCode: 400, code: 'InputError' })
    })

    test('are not left behind by a pool that goes while they are made', async () => {
      for (let i = 0; i < 10; i++) {
        await manager.createWorkerPool(poolId, definition)
        const [made] = await Promise.allSettled([shed.createWorker(), manager.deleteWorkerPool(poolId)])
        if (made.status === 'fulfilled') {
          expect(await manager.workerPool(poolId)).toMatchObject({ runningCount: 1 })
          await manager.removeWorker(poolId, 'here', 'w1')
        }
        await expect(manager.workerPool(poolId)).rejects.toMatchObject({ statusCode: 404 })
        const left = await shed.broker.admin?.pools.workers(poolId)
        expect(left?.map(({ state }) => state)).toEqual(made.status === 'fulfilled' ? ['stopped'] : [])
        for (const worker of left ?? []) await shed.broker.admin?.pools.changeWorker(worker, () => undefined)
      }
    })

    test.for([
      [
        'a pool',
        () => manager.createWorker('images/none', 'here', 'w', { expires: fromNowJSON('1 day') }),
        404,
        'ResourceNotFound',
      ],
      ['a secret', () => manager.createWorker(poolId, 'here', 'w', { expires: fromNowJSON('1 day') }), 400, 'InputError'],
      ['a long secret', () => shed.createWorker('w', { providerInfo: { staticSecret: 'short' } }), 400, 'InputValidationError'],
      ['an id that can be registered', () => shed.createWorker('w.1'), 400, 'InvalidRequestArguments'],
      ['a time ahead', () => shed.createWorker('w', { expires: '2020-01-01T00:00:00.000Z' }), 400, 'InputError'],
      ['being there', () => manager.worker(poolId, 'here', 'none'), 404, 'ResourceNotFound'],
      [
        'being there',
        () => manager.updateWorker(poolId, 'here', 'none', { expires: fromNowJSON('1 day') }),
        404,
        'ResourceNotFound',
      ],
      ['being there', () => manager.removeWorker(poolId, 'here', 'none'), 404, 'ResourceNotFound'],
    ] as const)('are refused without %s', async ([, call, statusCode, code]) => {
      await expect(call()).rejects.toMatchObject({ statusCode, code })
    })
  })

  describe('registration', () => {
    beforeEach(async () => {
      await manager.createWorkerPool(poolId, definition)
      await shed.createWorker()
    })

    test('gives credentials that are good for the work and nothing else', async () => {
      const { credentials, expires, workerConfig, secret } = await shed.register()
      expect(credentials).toMatchObject({ clientId: 'worker/static/images/small/here/w1', certificate: expect.any(String) })
      expect(JSON.parse(credentials.certificate).scopes).toEqual([
        'assume:worker-pool:images/small',
        'assume:worker-id:here/w1',
        'queue:worker-id:here/w1',
        'queue:claim-work:images/small',
        'secrets:get:worker-pool:images/small',
        'worker-manager:remove-worker:images/small/here/w1',
        'worker-manager:reregister-worker:images/small/here/w1',
        'worker-manager:should-worker-terminate:images/small/here/w1',
      ])
      expect(Math.abs(Date.parse(expires) - fromNow('1 hour').getTime())).toBeLessThan(60_000)
      expect(workerConfig).toEqual({ cache: true })
      expect(secret).toMatch(/^[\w-]{44}$/)
      await expect(shed.as(credentials).worker(poolId, 'here', 'w1')).rejects.toMatchObject({ code: 'InsufficientScopes' })
      expect(await shed.as(credentials).removeWorker(poolId, 'here', 'w1')).toEqual({})
    })

    test('is renewed by the secret of the one before, each good for once', async () => {
      const first = await shed.register()
      const again = (credentials: StockCredentials, secret: string) =>
        shed.as(credentials).reregisterWorker({ workerPoolId: poolId, workerGroup: 'here', workerId: 'w1', secret })
      const second = await again(first.credentials, first.secret)
      expect(Object.keys(second).sort()).toEqual(['credentials', 'expires', 'secret'])
      expect(second.secret).not.toBe(first.secret)
      await expect(again(second.credentials, first.secret)).rejects.toMatchObject({ statusCode: 400, code: 'InputError' })
      expect(await again(second.credentials, second.secret)).toMatchObject({ secret: expect.any(String) })
      await expect(again(root, 'b'.repeat(44))).rejects.toMatchObject({ statusCode: 400, code: 'InputError' })
      await shed.createWorker('w2')
      const other = shed.as(first.credentials).reregisterWorker({
        workerPoolId: poolId,
        workerGroup: 'here',
        workerId: 'w2',
        secret: first.secret,
      })
      await expect(other).rejects.toMatchObject({ statusCode: 403, code: 'InsufficientScopes' })
    })

    test.for([
      ['another secret', { workerIdentityProof: { staticSecret: 'b'.repeat(44) } }, 400, 'InputError'],
      ['another provider', { providerId: 'local' }, 400, 'InputError'],
      ['another worker', { workerId: 'none' }, 404, 'ResourceNotFound'],
      ['another pool', { workerPoolId: 'images/none' }, 404, 'ResourceNotFound'],
      ['no proof', { workerIdentityProof: {} }, 400, 'InputValidationError'],
    ] as const)('is refused for %s', async ([, more, statusCode, code]) => {
      const answer = shed.register(more)
      await expect(answer).rejects.toMatchObject({ statusCode, code, body: { requestInfo: { payload: '(omitted)' } } })
    })

    test('tells a launched worker what it was launched with', async () => {
      const launchConfigs = [
        { workerConfig: { size: 1 } },
        { workerManager: { launchConfigId: 'big' }, workerConfig: { size: 2 } },
      ]
      await manager.updateWorkerPool(poolId, { ...launched, config: { ...launched.config, launchConfigs } })
      const proofHash = createHash('sha256').update(staticSecret).digest('hex')
      await shed.launch('l1', { launchConfigId: 'big', proofHash })
      expect(await shed.register({ workerId: 'l1', providerId: 'local' })).toMatchObject({ workerConfig: { size: 2 } })
      expect(await manager.worker(poolId, 'here', 'l1')).toMatchObject({ state: 'running' })
    })

    test('is refused for a worker that was removed', async () => {
      const { credentials, secret } = await shed.register()
      await manager.removeWorker(poolId, 'here', 'w1')
      await expect(shed.register()).rejects.toMatchObject({ statusCode: 400, code: 'InputError' })
      const again = shed.as(credentials).reregisterWorker({ workerPoolId: poolId, workerGroup: 'here', workerId: 'w1', secret })
      await expect(again).rejects.toMatchObject({ statusCode: 400, code: 'InputError' })
    })

    test('credentials of another server are good as well', async () => {
      const other = await createServer({ client: shed.broker, access: { clients: [root] } }).listen(0)
      try {
        const { credentials } = await shed.register()
        const there = shed.as(credentials, undefined, other.url)
        expect(await there.removeWorker(poolId, 'here', 'w1')).toEqual({})
      } finally {
        await other.close()
      }
    })
  })

  test('a worker is told when it had better end', async () => {
    await manager.createWorkerPool(poolId, definition)
    await shed.createWorker()
    const { credentials } = await shed.register()
    const ask = async () => {
      const url = `${shed.server.url}/api/worker-manager/v1/workers/${encodeURIComponent(poolId)}/here/w1/should-terminate`
      const { clientId: id, accessToken: key, certificate } = credentials
      const ext = Buffer.from(JSON.stringify({ certificate: JSON.parse(certificate) })).toString('base64')
      const { header: authorization } = hawk.header(url, 'GET', { credentials: { id, key, algorithm: 'sha256' }, ext })
      return (await fetch(url, { headers: { authorization } })).json()
    }
    expect(await ask()).toEqual({ terminate: false, reason: 'it is needed' })
    await manager.deleteWorkerPool(poolId)
    expect(await ask()).toEqual({ terminate: true, reason: 'its worker pool is removed' })
    await manager.updateWorkerPool(poolId, definition)
    await manager.removeWorker(poolId, 'here', 'w1')
    expect(await ask()).toEqual({ terminate: true, reason: 'removed' })
  })
})
