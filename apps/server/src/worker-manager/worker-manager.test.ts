/** The worker manager, as Taskcluster's own client calls it, on queues in memory and in a file: pools, errors, scopes. */
import type { PoolWorker } from '@lovage/core'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createTemporaryCredentials, fromNow, fromNowJSON } from '../fixtures/stock-client.ts'
import { definition, launched, poolId, root, Shed, type StockManager, type StockMethod } from './fixtures/shed.ts'

describe.each(['memory', 'sqlite'] as const)('on %s', (kind) => {
  let shed: Shed
  let manager: StockManager

  beforeEach(async () => {
    shed = await Shed.open(kind)
    manager = shed.manager
  })
  afterEach(() => shed.close())

  describe('pools', () => {
    const counts = { currentCapacity: 0, requestedCount: 0, runningCount: 0, stoppingCount: 0, stoppedCount: 0 }

    test('are made, shown, changed and removed', async () => {
      const made = await manager.createWorkerPool(poolId, definition)
      expect(made).toMatchObject({ workerPoolId: poolId, ...definition, ...counts, created: expect.stringMatching(/^20.*Z$/) })
      expect(made.config).toEqual(definition.config)
      expect(await manager.workerPool(poolId)).toEqual(made)
      const changed = await manager.updateWorkerPool(poolId, { ...made, description: 'Changed' })
      expect(changed).toMatchObject({ ...definition, description: 'Changed', created: made.created })
      expect(await manager.deleteWorkerPool(poolId)).toMatchObject({ workerPoolId: poolId, providerId: 'null-provider' })
      await expect(manager.workerPool(poolId)).rejects.toMatchObject({ statusCode: 404, code: 'ResourceNotFound' })
    })

    test('are made once, and the same again is no conflict', async () => {
      const made = await manager.createWorkerPool(poolId, definition)
      expect(await manager.createWorkerPool(poolId, definition)).toEqual(made)
      const other = manager.createWorkerPool(poolId, { ...definition, description: 'Another' })
      await expect(other).rejects.toMatchObject({
        statusCode: 409,
        code: 'RequestConflict',
        body: {
          requestInfo: { method: 'createWorkerPool', params: { workerPoolId: poolId }, payload: { description: 'Another' } },
        },
      })
    })

    test('are the same in whatever order their configuration is written', async () => {
      const create = (workerConfig: object) => manager.createWorkerPool(poolId, { ...definition, config: { workerConfig } })
      expect(await create({ cache: true, size: 1 })).toEqual(await create({ size: 1, cache: true }))
    })

    test('that others launch workers for have bounds', async () => {
      const made = await manager.createWorkerPool(poolId, launched)
      expect(made.config).toEqual(launched.config)
      const create = (config: object) => manager.createWorkerPool('images/big', { ...launched, config })
      await expect(create({ launchConfigs: [] })).rejects.toMatchObject({ statusCode: 400, code: 'InputValidationError' })
      const upsideDown = { minCapacity: 3, maxCapacity: 2, launchConfigs: [] }
      await expect(create(upsideDown)).rejects.toMatchObject({ statusCode: 400, code: 'InputValidationError' })
    })

    test.for([
      ['a pool that is there', () => manager.updateWorkerPool('images/none', definition), 404, 'ResourceNotFound'],
      ['a pool to remove', () => manager.deleteWorkerPool('images/none'), 404, 'ResourceNotFound'],
      [
        'the pool of the address',
        () => manager.updateWorkerPool(poolId, { ...definition, workerPoolId: 'a/b' }),
        400,
        'InputError',
      ],
      ['an owner', () => manager.createWorkerPool(poolId, { ...definition, owner: 'me' }), 400, 'InputValidationError'],
      ['no other fields', () => manager.createWorkerPool(poolId, { ...definition, size: 1 }), 400, 'InputValidationError'],
      ['a name', () => manager.createWorkerPool('two words', definition), 400, 'InvalidRequestArguments'],
      // Credentials for it would be good for every queue that begins so.
      ['a name of its own', () => manager.createWorkerPool('images*', definition), 400, 'InvalidRequestArguments'],
      [
        'a name that workers can register to',
        () => manager.createWorkerPool('a/b/c', definition),
        400,
        'InvalidRequestArguments',
      ],
      ['a page', () => manager.listWorkerPools({ limit: 0 }), 400, 'InvalidRequestArguments'],
    ] as const)('are refused without %s', async ([, call, statusCode, code]) => {
      await expect(call()).rejects.toMatchObject({ statusCode, code, body: { message: expect.any(String) } })
    })

    test('are listed page by page, and counted', async () => {
      for (const name of ['a', 'b', 'c']) await manager.createWorkerPool(`images/${name}`, definition)
      const first = await manager.listWorkerPools({ limit: 2 })
      const { continuationToken } = first
      const second = await manager.listWorkerPools({ limit: 2, continuationToken })
      expect([first, second].map(({ workerPools }) => workerPools.map(({ workerPoolId }: PoolWorker) => workerPoolId))).toEqual([
        ['images/a', 'images/b'],
        ['images/c'],
      ])
      expect(second).not.toHaveProperty('continuationToken')
      await manager.createWorkerPool(poolId, launched)
      await shed.launch('w1')
      await shed.launch('w2', { state: 'running', launchConfigId: 'lc-1' })
      await shed.launch('w3', { state: 'stopped' })
      const figures = { currentCapacity: 4, requestedCount: 1, runningCount: 1, stoppedCount: 1, stoppedCapacity: 2 }
      expect(await manager.workerPool(poolId)).toMatchObject(figures)
      const { workerPoolsStats } = await manager.listWorkerPoolsStats()
      expect(workerPoolsStats.at(-1)).toMatchObject({ workerPoolId: poolId, ...figures })
      const { launchConfigStats } = await manager.workerPoolStats(poolId)
      expect(launchConfigStats).toHaveLength(3)
      expect(launchConfigStats.at(-1)).toMatchObject({ launchConfigId: 'lc-1', runningCount: 1, requestedCount: 0 })
      const { workerPoolLaunchConfigs } = await manager.listWorkerPoolLaunchConfigs(poolId)
      expect(workerPoolLaunchConfigs).toMatchObject([
        { configuration: { size: 1 }, isArchived: false },
        { configuration: { size: 2 } },
      ])
      expect(await manager.listProviders()).toEqual({
        providers: [
          { providerId: 'static', providerType: 'static' },
          { providerId: 'local', providerType: 'launcher' },
        ],
      })
    })

    test('that go stay until their workers have gone', async () => {
      await manager.createWorkerPool(poolId, definition)
      await shed.createWorker()
      await manager.deleteWorkerPool(poolId)
      expect(await manager.workerPool(poolId)).toMatchObject({ providerId: 'null-provider', runningCount: 1 })
      expect(await manager.listProviders()).toMatchObject({
        providers: [{}, { providerId: 'null-provider', providerType: 'null' }],
      })
      await manager.removeWorker(poolId, 'here', 'w1')
      await expect(manager.workerPool(poolId)).rejects.toMatchObject({ statusCode: 404 })
      await manager.createWorkerPool(poolId, launched)
      await shed.launch('l1', { state: 'running' })
      await manager.deleteWorkerPool(poolId)
      expect((await manager.listWorkerPools()).workerPools).toHaveLength(1)
      await shed.launch('l1', { state: 'stopped' })
      expect((await manager.listWorkerPools()).workerPools).toEqual([])
    })
  })

  test('errors are reported by workers, listed and counted', async () => {
    await manager.createWorkerPool(poolId, definition)
    await shed.createWorker()
    const { credentials } = await shed.register()
    const report = {
      workerGroup: 'here',
      workerId: 'w1',
      kind: 'worker-error',
      title: 'No disk',
      description: 'full',
      extra: { code: 'E28' },
    }
    const reported = await shed.as(credentials).reportWorkerError(poolId, report)
    expect(reported).toMatchObject({
      workerPoolId: poolId,
      title: 'No disk',
      extra: { code: 'E28', workerGroup: 'here', workerId: 'w1' },
    })
    await manager.reportWorkerError(poolId, { ...report, title: 'Slow', extra: {} })
    const { workerPoolErrors } = await manager.listWorkerPoolErrors(poolId)
    expect(workerPoolErrors.map(({ title }: { title: string }) => title)).toEqual(['Slow', 'No disk'])
    const { errorId } = reported
    expect(await manager.listWorkerPoolErrors(poolId, { errorId })).toEqual({ workerPoolErrors: [reported] })
    const { totals } = await manager.workerPoolErrorStats({ workerPoolId: poolId })
    expect(totals).toMatchObject({ total: 2, title: { 'No disk': 1, Slow: 1 }, code: { E28: 1 }, workerPool: { [poolId]: 2 } })
    expect([Object.values(totals.daily), Object.values(totals.hourly)].map((days) => days.length)).toEqual([7, 24])
    expect(await manager.workerPoolErrorStats()).toMatchObject({ workerPoolId: '', totals: { total: 2 } })
    const foreign = shed.as(credentials).reportWorkerError(poolId, { ...report, workerId: 'w2' })
    await expect(foreign).rejects.toMatchObject({ statusCode: 403, code: 'InsufficientScopes' })
    const large = manager.reportWorkerError(poolId, { ...report, extra: { text: 'x'.repeat(20_000) } })
    await expect(large).rejects.toMatchObject({ statusCode: 413, code: 'InputTooLarge' })
    await expect(manager.reportWorkerError('images/none', report)).rejects.toMatchObject({ statusCode: 404 })
  })

  test('every method asks for its scope', async () => {
    await manager.createWorkerPool(poolId, definition)
    await shed.createWorker()
    const worker = `${poolId}/here/w1`
    const calls: Partial<Record<StockMethod, readonly [scopes: readonly string[], ...args: unknown[]]>> = {
      listWorkers: [[`worker-manager:list-workers:${poolId}`], 'images', 'small'],
      listProviders: [['worker-manager:list-providers']],
      createWorkerPool: [[`worker-manager:manage-worker-pool:${poolId}`, 'worker-manager:provider:static'], poolId, definition],
      updateWorkerPool: [[`worker-manager:manage-worker-pool:${poolId}`, 'worker-manager:provider:static'], poolId, definition],
      workerPool: [[`worker-manager:get-worker-pool:${poolId}`], poolId],
      workerPoolStats: [[`worker-manager:get-worker-pool:${poolId}`], poolId],
      listWorkerPoolLaunchConfigs: [[`worker-manager:get-worker-pool:${poolId}`], poolId],
      listWorkerPools: [['worker-manager:list-worker-pools']],
      listWorkerPoolsStats: [['worker-manager:list-worker-pools']],
      listWorkerPoolErrors: [[`worker-manager:list-worker-pool-errors:${poolId}`], poolId],
      workerPoolErrorStats: [['worker-manager:list-worker-pool-errors:']],
      listWorkersForWorkerPool: [[`worker-manager:list-workers:${poolId}`], poolId],
      listWorkersForWorkerGroup: [[`worker-manager:list-workers:${poolId}/here`], poolId, 'here'],
      worker: [[`worker-manager:get-worker:${worker}`], poolId, 'here', 'w1'],
      updateWorker: [[`worker-manager:update-worker:${worker}`], poolId, 'here', 'w1', { expires: fromNowJSON('1 day') }],
      removeWorker: [[`worker-manager:remove-worker:${worker}`], poolId, 'here', 'w1'],
      deleteWorkerPool: [[`worker-manager:manage-worker-pool:${poolId}`], poolId],
    }
    for (const [name, [scopes, ...args]] of Object.entries(calls)) {
      const method = name as StockMethod
      for (const missing of scopes) {
        const less = shed.as(root, [...scopes.filter((scope) => scope !== missing), 'other'])
        await expect(less[method](...args), method).rejects.toMatchObject({ statusCode: 403, code: 'InsufficientScopes' })
      }
      await expect(shed.as()[method](...args), method).rejects.toMatchObject({ statusCode: 403, code: 'InsufficientScopes' })
      await expect(shed.as(root, scopes)[method](...args), method).resolves.toBeDefined()
    }
    const unknown = shed.as({ clientId: 'nobody', accessToken: 'x' }).listWorkerPools()
    await expect(unknown).rejects.toMatchObject({ statusCode: 401, code: 'AuthenticationFailed' })
  })

  test('temporary credentials of a client work, with a name of their own', async () => {
    const scopes = ['worker-manager:list-worker-pools']
    const helper = createTemporaryCredentials({ clientId: 'helper', scopes, expiry: fromNow('1 hour'), credentials: root })
    expect(await shed.as(helper).listWorkerPools()).toEqual({ workerPools: [] })
    await expect(shed.as(helper).listProviders()).rejects.toMatchObject({ code: 'InsufficientScopes' })
  })

  test('health is told to everyone, and every method stands in the document', async () => {
    for (const method of ['ping', 'lbheartbeat', 'heartbeat', 'version'] as const) await shed.as()[method]()
    const document = (await (await fetch(`${shed.server.url}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, { operationId?: string }>>
    }
    const named = Object.values(document.paths).flatMap((methods) => Object.values(methods).map(({ operationId }) => operationId))
    const methods = Object.keys(Object.getPrototypeOf(manager)).filter((name) => 'entryReference' in manager[name as StockMethod])
    expect(methods.filter((name) => !named.includes(`worker-manager.${name}`))).toEqual([])
    expect(named).toContain('worker-manager.shouldWorkerTerminate')
  })

  test('an unknown address is refused in the same shape', async () => {
    const response = await fetch(`${shed.server.url}/api/worker-manager/v1/nothing`, {
      headers: { authorization: `Bearer ${root.accessToken}` },
    })
    expect([response.status, await response.json()]).toMatchObject([
      404,
      { code: 'ResourceNotFound', requestInfo: { method: 'GET' } },
    ])
  })
})
